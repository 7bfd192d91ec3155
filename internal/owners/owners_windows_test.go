package owners

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// TestReadAccess: what Windows makes of each list is read as it stands there.
func TestReadAccess(t *testing.T) {
	for _, c := range lists {
		sd, err := windows.SecurityDescriptorFromString(c.sddl)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got, err := readAccess(sd)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if want := parse(t, c.sddl); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, want\n%+v", c.name, got, want)
		}
	}
}

// TestEntries: denials grant nothing, a condition counts as met, and what is not known
// is not passed over.
func TestEntries(t *testing.T) {
	id, err := windows.StringToSid(everyone)
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[uint8]struct {
		entry  entry
		grants bool
	}{
		0: {entry{sid: everyone, rights: 2}, true}, 9: {entry{sid: everyone, rights: 2}, true},
		1: {}, 6: {}, 10: {}, 12: {},
		4: {entry{unreadable: true}, true}, 5: {entry{unreadable: true}, true}, 11: {entry{unreadable: true}, true}, 99: {entry{unreadable: true}, true},
	} {
		text := make([]byte, 8+windows.GetLengthSid(id))
		text[0] = kind
		text[4] = 2
		copy(text[8:], unsafe.Slice((*byte)(unsafe.Pointer(id)), windows.GetLengthSid(id)))
		e, grants := readEntry((*windows.ACCESS_ALLOWED_ACE)(unsafe.Pointer(&text[0])))
		if e != want.entry || grants != want.grants {
			t.Errorf("kind %d: %+v %v", kind, e, grants)
		}
	}
}

// set gives a file or folder an owner and a list.
func set(t *testing.T, path, sddl string) {
	t.Helper()
	setObject(t, path, windows.SE_FILE_OBJECT, sddl)
}

func setObject(t *testing.T, name string, kind windows.SE_OBJECT_TYPE, sddl string) {
	t.Helper()
	sd, err := windows.SecurityDescriptorFromString(sddl)
	if err != nil {
		t.Fatal(err)
	}
	what := windows.SECURITY_INFORMATION(windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION)
	list, _, err := sd.DACL()
	if err != nil {
		t.Fatal(err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		t.Fatal(err)
	}
	if owner != nil {
		what |= windows.OWNER_SECURITY_INFORMATION
	}
	if err := windows.SetNamedSecurityInfo(name, kind, what, owner, nil, list, nil); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func self(t *testing.T) string {
	t.Helper()
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	return user.User.Sid.String()
}

// faultsOf are what Check finds below the test's own folder.
func faultsOf(t *testing.T, folder, path string, trust Trust) (list []string) {
	t.Helper()
	var e *Error
	if err := Check(path, trust); err != nil && !errors.As(err, &e) {
		t.Fatal(err)
	}
	if e == nil {
		return nil
	}
	for _, f := range e.Faults {
		if name, below := strings.CutPrefix(f.Path, folder); below {
			list = append(list, found([]Fault{f})[0]+" "+strings.TrimPrefix(name, `\`))
		}
	}
	return list
}

// TestFiles: real folders and files, with each right where it counts.
func TestFiles(t *testing.T) {
	me := self(t)
	top := folder(t)
	where := filepath.Join(top, "dossier é")
	file := filepath.Join(where, "module.dll")
	if err := errors.Join(os.Mkdir(where, 0o700), os.WriteFile(file, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	closed := "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;" + me + ")"
	for _, path := range []string{top, where, file} {
		set(t, path, closed)
	}
	expect := func(what, path string, trust Trust, want ...string) {
		t.Helper()
		if got := faultsOf(t, top, path, trust); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	expect("a person's own", file, Person)
	expect("a person's where the machine's is wanted", file, Root, "owner+ "+me+" ", "owner+ "+me+" dossier é", "owner+ "+me+` dossier é\module.dll`)
	set(t, file, closed+"(A;;0x1301bf;;;WD)")
	expect("a file that all may write", file, Person, "others "+everyone+` dossier é\module.dll`)
	set(t, file, closed+"(A;;0x1200a9;;;WD)")
	expect("a file that all may read", file, Person)
	set(t, where, closed+"(A;;0x1301bf;;;WD)")
	expect("a folder that all may write", file, Person, "others "+everyone+" dossier é")
	expect("nothing there, where all may write", filepath.Join(where, "missing.dll"), Person, "others "+everyone+" dossier é")
	expect("nothing on the way", filepath.Join(where, "below", "m.dll"), Person, "others "+everyone+" dossier é")
	expect("back and forth", where+`\below\..\..\dossier é/module.dll`, Person, "others "+everyone+" dossier é")
	set(t, where, closed)
	set(t, top, closed+"(A;;0x1301ff;;;WD)")
	expect("who may delete below", file, Person, "others "+everyone+" ")
	set(t, top, closed)
	if err := Check(filepath.Join(where, "missing.dll"), Person); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	for _, path := range []string{"module.dll", `\module.dll`, `C:module.dll`, ""} {
		if err := Check(path, Person); err == nil {
			t.Errorf("%q, which is not absolute, is looked at", path)
		}
	}
}

// TestLongPath: a path may be longer than old functions take.
func TestLongPath(t *testing.T) {
	me := self(t)
	top := folder(t)
	path := top
	for range 12 {
		path = filepath.Join(path, strings.Repeat("d", 30))
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(path, "module.dll")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := faultsOf(t, file, file, Root); !slices.Equal(got, []string{"owner+ " + me + " "}) {
		t.Errorf("%q", got)
	}
}

// TestKeys: real keys of the registry, those below them, and one that is missing.
func TestKeys(t *testing.T) {
	const top = `Software\CPxBridgeOwners`
	policy := top + `\Policies\CPxBridge`
	remove := func() {
		for _, at := range []string{policy + `\agent`, policy, top + `\Policies`, top} {
			_ = registry.DeleteKey(registry.CURRENT_USER, at)
		}
	}
	remove()
	t.Cleanup(remove)
	key, _, err := registry.CreateKey(registry.CURRENT_USER, policy+`\agent`, registry.ALL_ACCESS)
	if err != nil {
		t.Fatal(err)
	}
	_ = key.Close()
	me := self(t)
	closed := "O:BAD:P(A;CI;KA;;;SY)(A;CI;KA;;;BA)(A;CI;KR;;;BU)"
	name := func(at string) string { return `CURRENT_USER\` + at }
	for _, at := range []string{top, top + `\Policies`, policy, policy + `\agent`} {
		setObject(t, name(at), windows.SE_REGISTRY_KEY, closed)
	}
	expect := func(what, path string, trust Trust, want ...string) {
		t.Helper()
		var e *Error
		if err := CheckKey(registry.CURRENT_USER, path, trust); err != nil && !errors.As(err, &e) {
			t.Fatalf("%s: %v", what, err)
		}
		var got []string
		if e != nil {
			for _, f := range e.Faults {
				if at, is := strings.CutPrefix(f.Path, `HKCU\`+top); is {
					got = append(got, found([]Fault{f})[0]+" "+at)
				}
			}
			if len(got) > 0 && !strings.Contains(e.Next(texts.In("fr")), "regedit") {
				t.Errorf("%s: %q", what, e.Next(texts.In("fr")))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	expect("closed", policy, Root)
	setObject(t, name(policy), windows.SE_REGISTRY_KEY, closed+"(A;;KW;;;AU)")
	expect("all may write", policy, Root, "others "+signedIn+` \Policies\CPxBridge`)
	setObject(t, name(policy), windows.SE_REGISTRY_KEY, closed)
	setObject(t, name(policy+`\agent`), windows.SE_REGISTRY_KEY, closed+"(A;;0x2;;;WD)")
	expect("a key below", policy, Root, "others "+everyone+` \Policies\CPxBridge\agent`)
	setObject(t, name(policy+`\agent`), windows.SE_REGISTRY_KEY, "O:"+me+"D:P(A;CI;KA;;;BA)")
	expect("a person's key", policy, Root, "owner "+me+` \Policies\CPxBridge\agent`)
	expect("a person's key among their own", policy, Person)
	setObject(t, name(policy+`\agent`), windows.SE_REGISTRY_KEY, closed)
	setObject(t, name(top+`\Policies`), windows.SE_REGISTRY_KEY, closed+"(A;;0x4;;;BU)")
	expect("who may add a key that is missing", top+`\Policies\Missing`, Root, "others "+users+` \Policies`)
}

// TestMachinesKey: on a Windows as it was installed, the policies' key is the machine's.
func TestMachinesKey(t *testing.T) {
	if err := CheckKey(registry.LOCAL_MACHINE, `SOFTWARE\Policies`, Root); err != nil {
		t.Errorf("%v", err)
	}
	if err := CheckKey(registry.LOCAL_MACHINE, `SOFTWARE\Policies\CPxBridgeMissing`, Root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// TestAccount: accounts that every Windows has are named, a person is not.
func TestAccount(t *testing.T) {
	if got := account(administratorsSID); !strings.HasSuffix(got, " ("+administratorsSID+")") || len(got) < len(administratorsSID)+5 {
		t.Errorf("%q", got)
	}
	if me := self(t); who(texts.In("fr"), me) != me {
		t.Errorf("%q", who(texts.In("fr"), me))
	}
}

// played are files that wine has not: links, and what may not be looked at.
type played struct {
	links   map[string]string
	missing []string
	refused []string
	sddl    map[string]string
	t       *testing.T
}

func (p played) link(path string) (target string, is bool, err error) {
	switch {
	case slices.Contains(p.missing, path):
		return "", false, fs.ErrNotExist
	case slices.Contains(p.refused, path):
		return "", false, windows.ERROR_ACCESS_DENIED
	}
	target, is = p.links[path]
	return target, is, nil
}

func (p played) access(path string) (access, error) {
	if slices.Contains(p.refused, path) {
		return access{}, windows.ERROR_ACCESS_DENIED
	}
	if sddl, ok := p.sddl[path]; ok {
		return parse(p.t, sddl), nil
	}
	return access{owner: systemSID}, nil
}

// TestLinks: the whole way is looked at, also where links lead to, as it is written there.
func TestLinks(t *testing.T) {
	const closed, open, add = "O:BAD:(A;;FA;;;BA)", "O:BAD:(A;;0x1301bf;;;AU)", "O:BAD:(A;;0x6;;;AU)"
	for name, c := range map[string]struct {
		p    played
		path string
		want []string
		err  error
	}{
		"no link": {played{}, `C:\a\m.dll`, nil, nil},
		"to another drive": {played{links: map[string]string{`C:\a`: `D:\b`}, sddl: map[string]string{`D:\b`: open}}, `C:\a\m.dll`,
			[]string{"others " + signedIn + ` D:\b`}, nil},
		"the link itself": {played{links: map[string]string{`C:\a`: `D:\b`}, sddl: map[string]string{`C:\a`: open}}, `C:\a\m.dll`, []string{"others " + signedIn + ` C:\a`}, nil},
		"the link's folder": {played{links: map[string]string{`C:\a\l.dll`: `D:\b\m.dll`}, sddl: map[string]string{`C:\a`: add}}, `C:\a\l.dll`,
			[]string{"adds " + signedIn + ` C:\a`}, nil},
		"relative":         {played{links: map[string]string{`C:\a\l`: `..\b`}, sddl: map[string]string{`C:\b\m.dll`: open}}, `C:\a\l\m.dll`, []string{"others " + signedIn + ` C:\b\m.dll`}, nil},
		"on its own drive": {played{links: map[string]string{`D:\a`: `\b`}, sddl: map[string]string{`D:\b`: open}}, `D:\a\m.dll`, []string{"others " + signedIn + ` D:\b`}, nil},
		"two links": {played{links: map[string]string{`C:\a`: `C:\b`, `C:\b`: `C:\c`}, sddl: map[string]string{`C:\c\m.dll`: open, `C:\b`: open}}, `C:\a\m.dll`,
			[]string{"others " + signedIn + ` C:\b`, "others " + signedIn + ` C:\c\m.dll`}, nil},
		"in a circle":         {played{links: map[string]string{`C:\a`: `C:\a`}}, `C:\a\m.dll`, nil, windows.ERROR_CANT_RESOLVE_FILENAME},
		"to a share":          {played{links: map[string]string{`C:\a`: `\\server\share\b`}, sddl: map[string]string{`\\server\share\b`: open}}, `C:\a\m.dll`, []string{"others " + signedIn + ` \\server\share\b`}, nil},
		"a share":             {played{sddl: map[string]string{`\\server\share\`: open}}, `\\server\share\m.dll`, []string{"others " + signedIn + ` \\server\share\`}, nil},
		"a volume":            {played{links: map[string]string{`C:\a`: `\\?\Volume{1}\`}, sddl: map[string]string{`\\?\Volume{1}\m.dll`: open}}, `C:\a\m.dll`, []string{"others " + signedIn + ` \\?\Volume{1}\m.dll`}, nil},
		"missing":             {played{missing: []string{`C:\a\m.dll`}}, `C:\a\m.dll`, nil, fs.ErrNotExist},
		"missing, others add": {played{missing: []string{`C:\a`}, sddl: map[string]string{`C:\`: add}}, `C:\a\b\m.dll`, []string{"adds " + signedIn + ` C:\`}, nil},
		"there, others add":   {played{sddl: map[string]string{`C:\`: add}}, `C:\a\m.dll`, nil, nil},
		"may not be seen":     {played{refused: []string{`C:\a`}}, `C:\a\m.dll`, []string{`unknown  C:\a`}, nil},
		"forward slashes":     {played{sddl: map[string]string{`C:\a\m.dll`: open}}, `C:/a/./x/../m.dll`, []string{"others " + signedIn + ` C:\a\m.dll`}, nil},
		"closed":              {played{sddl: map[string]string{`C:\a`: closed, `C:\a\m.dll`: closed}}, `C:\a\m.dll`, nil, nil},
	} {
		c.p.t = t
		w := walk{system: c.p, trusted: administrates}
		err := w.to(c.path)
		var got []string
		for _, f := range w.faults {
			got = append(got, found([]Fault{f})[0]+" "+f.Path)
		}
		if !slices.Equal(got, c.want) || len(c.want) == 0 && !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v, want %q, %v", name, got, err, c.want, c.err)
		}
	}
}

// folder is a folder for one test. Wine 8 lacks what testing's own removes it with.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "owners")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
