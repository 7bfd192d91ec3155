package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

const before = `# Portail TEST.
origin = "https://portail.example.fr" # as browsers send it
revocation = "off" # for now

[session]
idle = "15m"

[[trust_group]] # test cards
name = "test"
test = true
roots = ["test.pem"]
`

var cards = []string{"FORT", "FORT PERSONNES", "STANDARD", "STANDARD PERSONNES"}

func (n *nine) addition(path string) Addition {
	return Addition{Request: Request{Known: n.known, Now: now}, Settings: path, Group: DefaultGroup, RequiredPolicies: []string{"2.999.10.1"}, RefusedPolicies: []string{"2.999.10.3"}}
}

// files are the files below a folder.
func files(t *testing.T, folder string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && path != folder {
			list = append(list, strings.TrimPrefix(filepath.ToSlash(path), filepath.ToSlash(folder)+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// TestAdd: the group is made in one step, and all else in the file stays as it was.
func TestAdd(t *testing.T) {
	n := newNine(t)
	for name, text := range map[string]string{
		"":                     before,
		"Windows' line ends":   strings.ReplaceAll(before, "\n", "\r\n"),
		"a mark":               "\ufeff" + before,
		"no line end":          strings.TrimSuffix(before, "\n"),
		"not stated":           strings.Replace(before, "revocation = \"off\" # for now\n", "", 1),
		"neither, nor a table": "origin = \"https://portail.example.fr\"",
		"nothing":              "",
		"as crl already":       strings.Replace(before, `"off"`, `"crl"`, 1),
		"in single quotes":     strings.Replace(before, `"off"`, `'off'`, 1),
	} {
		path := settings(t, text)
		a := n.addition(path)
		checked := ""
		a.Check = func(at string, content []byte) error {
			checked = string(content)
			if at != path || read(t, path) != text {
				t.Errorf("%s: replaced before it was checked", name)
			}
			return nil
		}
		added, err := Add(a, n.certificates(t, cards...))
		if err != nil || !added.New {
			t.Errorf("%s: %+v, %v", name, added, err)
			continue
		}
		after := read(t, path)
		if checked != after || read(t, added.Backup) != text {
			t.Errorf("%s: another content was checked, or the backup is not as the file was", name)
		}
		if got := files(t, filepath.Dir(path)); !slices.Equal(got, []string{"portal.toml", "portal.toml.20260301T120000Z.bak", "trust", "trust/ac-exemple-fort-personnes.pem",
			"trust/ac-exemple-standard-personnes.pem", "trust/ac-racine-exemple-fort.pem", "trust/ac-racine-exemple-standard.pem"}) {
			t.Errorf("%s: %v", name, got)
		}
		// Nothing but the value of revocation and the end is new, in lines as the file has them.
		for line := range strings.Lines(text) {
			if !strings.Contains(line, "revocation") && !strings.Contains(after, strings.TrimRight(line, "\r\n")) {
				t.Errorf("%s: %q is gone", name, line)
			}
		}
		if strings.Contains(text, "\r") && strings.Count(after, "\n") != strings.Count(after, "\r\n") || strings.HasPrefix(text, "\ufeff") != strings.HasPrefix(after, "\ufeff") {
			t.Errorf("%s: %q", name, after)
		}
		checkGroup(t, path, 4)
		if strings.Contains(text, "# for now") && !strings.Contains(after, `revocation = "crl" # for now`) {
			t.Errorf("%s: %s", name, after)
		}
		if !slices.Equal(added.Addresses(), []string{listOfFort}) {
			t.Errorf("%s: %v", name, added.Addresses())
		}
		second := n.addition(path)
		second.RequiredPolicies, second.RefusedPolicies = nil, nil
		twice, err := Add(second, n.certificates(t, cards...))
		if err != nil || twice.Backup != "" || len(twice.Notes) != 4 || read(t, path) != after {
			t.Errorf("%s: a second time: %+v, %v", name, twice, err)
		}
	}
}

// checkGroup checks that a settings file has the group with that many certificates, and
// with revocation.
func checkGroup(t *testing.T, path string, want int) {
	t.Helper()
	var got struct {
		Revocation string  `toml:"revocation"`
		Groups     []Group `toml:"trust_group"`
	}
	if err := toml.Unmarshal([]byte(strings.TrimPrefix(read(t, path), "\ufeff")), &got); err != nil {
		t.Errorf("%v\n%s", err, read(t, path))
		return
	}
	i := slices.IndexFunc(got.Groups, func(g Group) bool { return g.Name == DefaultGroup })
	if i < 0 || got.Revocation != "crl" {
		t.Errorf("%+v\n%s", got, read(t, path))
		return
	}
	s, err := got.Groups[i].certificates(filepath.Dir(path))
	if err != nil || len(s.Roots)+len(s.Intermediates) != want || len(s.Roots) != want/2 {
		t.Errorf("%+v, %v\n%s", got.Groups[i], err, read(t, path))
	}
}

// TestAddExtends: a group that is there gets what it has not, however its lists are written.
func TestAddExtends(t *testing.T) {
	n := newNine(t)
	for name, lists := range map[string]string{
		"in a line":           "roots = [\"r.pem\"]\nintermediates = [\"i.pem\"]\n",
		"commas at the end":   "roots = [\"r.pem\",]\nintermediates = [ \"i.pem\" , ] # one\n",
		"several lines":       "roots = [\n  # the root\n  \"r.pem\", # it's \"one\"\n]\nintermediates = [\n  \"i.pem\" # without a comma\n  # end\n]\n",
		"quotes and brackets": "roots = ['r.pem'] # [\"no\"]\nintermediates = [\n\"i.pem\"\n]\n",
		"no list":             "",
		"empty lists":         "roots = []\nintermediates = [ # none\n]\n",
	} {
		path := settings(t, before+"\n[[trust_group]]\nname = \""+DefaultGroup+"\" # real\n"+lists+"required_policies = []\n\n[kinds]\n\"1.2\" = \"CPS\"\n")
		write(t, filepath.Join(filepath.Dir(path), "r.pem"), asPEM(n.of["FORT"]))
		write(t, filepath.Join(filepath.Dir(path), "i.pem"), asPEM(n.of["FORT PERSONNES"]))
		a := n.addition(path)
		a.RequiredPolicies, a.RefusedPolicies = nil, nil
		added, err := Add(a, n.certificates(t, cards...))
		if err != nil || added.New {
			t.Errorf("%s: %+v, %v", name, added, err)
			continue
		}
		checkGroup(t, path, 4)
		if after := read(t, path); !strings.HasSuffix(after, "\n[kinds]\n\"1.2\" = \"CPS\"\n") {
			t.Errorf("%s: %s", name, after)
		}
	}
}

// TestAddRefused: what cannot be done changes nothing, and leaves no file.
func TestAddRefused(t *testing.T) {
	n := newNine(t)
	const group = "\n[[trust_group]]\nname = \"igc-sante\"\nroots = []\n"
	for name, c := range map[string]struct {
		text   string
		change func(*Addition)
		says   string
	}{
		"no policies":          {before, func(a *Addition) { a.RequiredPolicies = nil }, "--required-policy OID"},
		"a name of blanks":     {before, func(a *Addition) { a.Group = " " }, "cannot be the name"},
		"a name that turns":    {before, func(a *Addition) { a.Group = "IGC\u202e" }, "cannot be the name"},
		"a group of test":      {before, func(a *Addition) { a.Group = "Test" }, `portal.toml:8: trust_group: "test" is a group of test cards`},
		"policies there":       {before + group, func(*Addition) {}, `portal.toml:13: trust_group: the group "igc-sante" is there already, with its policies`},
		"two of one name":      {before + group + group, func(a *Addition) { a.RequiredPolicies, a.RefusedPolicies = nil, nil }, `portal.toml:17: trust_group: a second group has the name`},
		"as one value":         {"a = 1\ntrust_group = [{name = \"a\"}]\n", func(*Addition) {}, "portal.toml:2: trust_group: is written as one value"},
		"not TOML":             {"a = 1\nb = \n", func(*Addition) {}, "portal.toml:2: "},
		"UTF-16":               {"\xff\xfea\x00", func(*Addition) {}, "UTF-16"},
		"the portal would not": {before, func(a *Addition) { a.Check = func(string, []byte) error { return errors.New("no texts") } }, "no texts"},
		"changed meanwhile": {before, func(a *Addition) {
			a.Check = func(path string, _ []byte) error { return os.WriteFile(path, []byte(before+"# more\n"), 0o600) }
		}, "changed meanwhile"},
		"a file that is gone": {before + "\n[[trust_group]]\nname = \"" + DefaultGroup + "\"\nroots = [\"gone.pem\"]\n", func(a *Addition) { a.RequiredPolicies, a.RefusedPolicies = nil, nil }, "gone.pem"},
	} {
		path := settings(t, c.text)
		a := n.addition(path)
		c.change(&a)
		_, err := Add(a, n.certificates(t, cards...))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		if got := files(t, filepath.Dir(path)); !slices.Equal(got, []string{"portal.toml"}) || !strings.HasPrefix(read(t, path), c.text) {
			t.Errorf("%s: %v, %s", name, got, read(t, path))
		}
	}
	if _, err := Add(n.addition(filepath.Join(t.TempDir(), "missing.toml")), nil); err == nil {
		t.Error("no settings file")
	} else if _, is := errors.AsType[*tomlfile.Error](err); !is {
		t.Errorf("%T", err)
	}
}

// TestAddOnly: a dry run says the same and changes nothing.
func TestAddOnly(t *testing.T) {
	n := newNine(t)
	path := settings(t, before)
	a := n.addition(path)
	a.Only = true
	added, err := Add(a, n.certificates(t, cards...))
	if err != nil || len(added.Roots) != 2 || added.Backup != "" || read(t, path) != before || len(files(t, filepath.Dir(path))) != 1 {
		t.Errorf("%+v, %v, %v", added, err, files(t, filepath.Dir(path)))
	}
}

// TestAddFiles: another's file of the same name stays as it is, and a settings file keeps
// its mode behind its link.
func TestAddFiles(t *testing.T) {
	n := newNine(t)
	path := settings(t, before)
	folder := filepath.Join(filepath.Dir(path), Folder)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "ac-racine-exemple-fort.pem"), []byte("another"))
	link := filepath.Join(filepath.Dir(path), "link.toml")
	if err := os.Symlink("portal.toml", link); err != nil {
		t.Fatal(err)
	}
	if _, err := Add(n.addition(link), n.certificates(t, cards...)); err != nil {
		t.Fatal(err)
	}
	checkGroup(t, path, 4)
	own := fmt.Sprintf("ac-racine-exemple-fort-%s.pem", strings.ToLower(n.known[0].SHA256[:16]))
	if read(t, filepath.Join(folder, "ac-racine-exemple-fort.pem")) != "another" || !slices.Contains(files(t, folder), own) {
		t.Error(files(t, folder))
	}
	info, err := os.Lstat(link)
	target, err2 := os.Stat(path)
	if err != nil || err2 != nil || info.Mode()&fs.ModeSymlink == 0 || target.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v, %v, %v", info, err, target, err2)
	}
}

// TestList: what is in the settings, each with what it is.
func TestList(t *testing.T) {
	n := newNine(t)
	path := settings(t, before)
	test := issued(t, nil, "TEST AC RACINE EXEMPLE", nil)
	other := issued(t, nil, "AC RACINE AUTRE", nil)
	write(t, filepath.Join(filepath.Dir(path), "test.pem"), asPEM(test, other))
	if _, err := Add(n.addition(path), n.certificates(t, cards...)); err != nil {
		t.Fatal(err)
	}
	groups, err := List(path, n.known, now)
	if err != nil || len(groups) != 2 || !groups[0].Test || groups[1].Name != DefaultGroup || groups[1].Line != 13 {
		t.Fatalf("%+v, %v", groups, err)
	}
	var got []string
	for _, g := range groups {
		for _, c := range g.Certificates {
			got = append(got, c.Role+" "+c.Is+" "+c.Name)
		}
	}
	if !slices.Equal(got, []string{"root test TEST AC RACINE EXEMPLE", "root unknown AC RACINE AUTRE",
		"root known AC RACINE EXEMPLE FORT", "root known AC RACINE EXEMPLE STANDARD", "intermediate known AC EXEMPLE FORT PERSONNES", "intermediate known AC EXEMPLE STANDARD PERSONNES"}) {
		t.Errorf("%q", got)
	}
	later, err := List(path, n.known, now.AddDate(8, 0, 0))
	if err != nil || later[1].Certificates[0].Is != "expired" || later[1].Certificates[2].CRLs[0] != listOfFort {
		t.Errorf("%+v, %v", later, err)
	}
}
