package owners

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// TestListedAdvice: no command is said for a folder of Windows' own, nor for a folder that
// other things are in; and nobody is sent where the file is already.
func TestListedAdvice(t *testing.T) {
	folder := func(kind Kind, path string) Fault {
		return Fault{Path: path, Kind: kind, Listed: true, SID: signedIn, Folder: true}
	}
	file := func(path string) Fault { return Fault{Path: path, Kind: Others, Listed: true, SID: signedIn} }
	const changed, elsewhere, rights = "droits que Windows y met ont été changés", `installez ce fichier dans un dossier`, "personne ne doit pouvoir faire plus que lire"
	const install = "Faites installer ce fichier par un administrateur"
	cases := map[string]struct {
		path        string
		fixed       bool
		trust       Trust
		faults      []Fault
		says, never []string
	}{
		"a drive that somebody owns": {`C:\Program Files\V\m.dll`, false, Root, []Fault{folder(Owner, `C:\`), folder(Others, `C:\Program Files`)},
			[]string{changed, `C:\, C:\Program Files`}, []string{"icacls", elsewhere, install}},
		"the other Program Files":    {`C:\Program Files (x86)\V\m.dll`, false, Root, []Fault{folder(Others, `C:\PROGRAM FILES (X86)`)}, []string{changed}, []string{"icacls", elsewhere, install}},
		"System32":                   {`C:\Windows\System32\m.dll`, false, Root, []Fault{folder(Others, `C:\Windows`), folder(Adds, `C:\Windows\System32`)}, []string{changed, `C:\Windows\System32`}, []string{"icacls", elsewhere, install}},
		"a file in System32":         {`C:\Windows\System32\m.dll`, false, Root, []Fault{file(`C:\Windows\System32\m.dll`)}, []string{`icacls "C:\Windows\System32\m.dll"`}, []string{elsewhere, install, changed}},
		"with Windows' own":          {`C:\Program Files\V\m.dll`, false, Root, []Fault{folder(Others, `C:\Program Files`), folder(Others, `C:\Program Files\V`)}, []string{changed, `icacls "C:\Program Files\V" `}, []string{`icacls "C:\Program Files" `, elsewhere, install}},
		"a folder between":           {`C:\Program Files\V\bin\m.dll`, false, Root, []Fault{folder(Others, `C:\Program Files\V`)}, []string{rights, `C:\Program Files\V`}, []string{"icacls", elsewhere, install}},
		"a folder between, C:":       {`C:\V\bin\m.dll`, false, Root, []Fault{folder(Others, `C:\V`), folder(Others, `C:\V\bin`)}, []string{install}, []string{"icacls", changed}},
		"its own folder":             {`C:\V\m.dll`, false, Root, []Fault{folder(Others, `C:\V`), file(`C:\V\m.dll`)}, []string{elsewhere, `icacls "C:\V" `, `icacls "C:\V\m.dll" `}, []string{changed}},
		"in ProgramData itself":      {`C:\ProgramData\m.dll`, false, Root, []Fault{folder(Adds, `C:\ProgramData`)}, []string{install}, []string{"icacls", changed}}, // as Windows has it
		"ProgramData":                {`C:\ProgramData\V\m.dll`, false, Root, []Fault{folder(Others, `C:\ProgramData`)}, []string{changed}, []string{"icacls"}},
		"Users":                      {`C:\Users\x\y\m.dll`, false, Root, []Fault{folder(Owner, `C:\Users`), folder(Owner, `C:\Users\x`)}, []string{changed, install}, []string{"icacls"}},
		"somebody's home":            {`C:\Users\x\m.dll`, false, Root, []Fault{folder(Owner, `C:\Users\x`)}, []string{install}, []string{"icacls", changed}},
		"another drive":              {`D:\m.dll`, false, Root, []Fault{folder(Others, `D:\`)}, []string{install}, []string{"icacls", changed}}, // as Windows formats it
		"a share":                    {`\\s\share\m.dll`, false, Root, []Fault{folder(Others, `\\s\share\`)}, []string{install}, []string{"icacls", changed}},
		"a policy":                   {`C:\ProgramData\CPx\p.toml`, true, Root, []Fault{folder(Others, `C:\ProgramData`), folder(Others, `C:\ProgramData\CPx`)}, []string{changed, `icacls "C:\ProgramData\CPx" `}, []string{`icacls "C:\ProgramData" `, elsewhere, install}},
		"a person's":                 {`C:\Users\x\m.dll`, false, Person, []Fault{folder(Others, `C:\Users\x`)}, []string{rights, "vous"}, []string{"icacls", changed, install}},
		"a person's, whose C: is":    {`C:\Users\x\y\m.dll`, false, Person, []Fault{folder(Owner, `C:\`)}, []string{changed}, []string{"icacls", "Remplacez"}},
		"who may change is not seen": {`C:\Program Files\V\m.dll`, false, Root, []Fault{folder(Unknown, `C:\Program Files\V`)}, []string{rights}, []string{"icacls", install, changed}},
		"a short name":               {`C:\PROGRA~1\V\m.dll`, false, Root, []Fault{folder(Others, `C:\PROGRA~1`)}, []string{changed}, []string{"icacls", install}},
		"a long path":                {`\\?\C:\Windows\m.dll`, false, Root, []Fault{folder(Others, `\\?\C:\`), folder(Others, `\\?\C:\Windows`)}, []string{changed}, []string{"icacls", install}},
		"Program Files elsewhere":    {`D:\Program Files\m.dll`, false, Root, []Fault{folder(Others, `D:\Program Files`)}, []string{install}, []string{"icacls"}},
		"a link":                     {`C:\Program Files\V\m.dll`, false, Root, []Fault{file(`D:\b\m.dll`)}, []string{rights}, []string{"icacls", install}},
		"forward slashes":            {`C:/Program Files/V/m.dll`, false, Root, []Fault{folder(Others, `C:\Program Files\V`)}, []string{`icacls "C:\Program Files\V" `}, []string{elsewhere, install}},
	}
	for name, c := range cases {
		e := Error{Path: c.path, Trust: c.trust, Fixed: c.fixed, Faults: c.faults}
		got := e.Next(texts.In("fr"))
		for _, want := range c.says {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in %q", name, want, got)
			}
		}
		for _, never := range c.never {
			if strings.Contains(got, never) {
				t.Errorf("%s: %q in %q", name, never, got)
			}
		}
		if english := e.Next(texts.In("en")); strings.Contains(english, "%!") || english == got {
			t.Errorf("%s: %s", name, english)
		}
	}
}
