package sharepath

import (
	"flag"
	"io/fs"
	"testing"
)

// networkDrive is a drive that stands for a share, where there is one.
var networkDrive = flag.String("drive", "", "a drive that stands for a share, such as N:")

// TestLeads: a path to another computer is known in each of its spellings.
func TestLeads(t *testing.T) {
	for path, want := range map[string]bool{
		`\\server\share\m.dll`: true, `//server/share/m.dll`: true, `\/server\share\m.dll`: true,
		`\\?\UNC\server\share\m.dll`: true, `\\.\UNC\server\share\m.dll`: true, `//?/unc/server/share/m.dll`: true,
		`\??\UNC\server\share\m.dll`: true, `\\?\GLOBALROOT\Device\Mup\server\share\m.dll`: true, `\\?\GLOBALROOT\??\UNC\server\share\m.dll`: true,
		`\\.\Global\UNC\server\share\m.dll`: true, `\\server@SSL\DavWWWRoot\m.dll`: true,
		`\\?\Global\GLOBALROOT\Device\Mup\server\share\m.dll`: true, `\\?\GLOBALROOT\Device\LanmanRedirector\server\share\m.dll`: true,
		`\\.\GLOBALROOT\Device\WebDavRedirector\server\share\m.dll`: true, `\\?\GLOBALROOT\DosDevices\UNC\server\share\m.dll`: true,
		`\\.\C:\..\UNC\server\share\m.dll`: true, `\\?\Volume{1}\x\..\..\UNC\server\share\m.dll`: true, `\\?\\\server\share\m.dll`: true,
		`\\?\Volume{1}\m.dll`: false, `\\?\GLOBALROOT\??\C:\m.dll`: false, `\\?\C:\m..dll`: false,
		`C:\m.dll`: false, `\\?\C:\m.dll`: false, `\\.\C:\m.dll`: false, `C:m.dll`: false, `m.dll`: false, `\m.dll`: false, ``: false,
		`C:\\server\share\m.dll`: false, `C:\windows\system32\kernel32.dll`: false,
	} {
		if got := Leads(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	if *networkDrive == "" {
		return
	}
	for _, path := range []string{*networkDrive + `\m.dll`, *networkDrive + `/m.dll`, `\\?\` + *networkDrive + `\m.dll`, *networkDrive + `m.dll`} {
		if !Leads(path) {
			t.Errorf("%s leads nowhere", path)
		}
	}
}

// TestLinks: a link on this computer leads where it says.
func TestLinks(t *testing.T) {
	links := map[string]string{
		`C:\far`: `\\server\share`, `C:\near`: `D:\modules`, `D:\modules\far`: `..\far`, `D:\far`: `\??\UNC\server\share`,
		`C:\round`: `C:\round`, `C:\volume`: `\\?\Volume{1}\`, `C:\own`: `\far`,
	}
	readlink := func(path string) (string, error) {
		if target, ok := links[path]; ok {
			return target, nil
		}
		return "", fs.ErrInvalid
	}
	for path, want := range map[string]bool{
		`C:\far\m.dll`: true, `C:\far`: true, `C:/x/../far/m.dll`: true, `C:\near\m.dll`: false, `C:\near\far\m.dll`: true, `C:\own\m.dll`: true,
		`C:\round\m.dll`: true, `C:\volume\m.dll`: false, `C:\m.dll`: false, `far\m.dll`: false,
	} {
		if got := leads(path, readlink); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}
