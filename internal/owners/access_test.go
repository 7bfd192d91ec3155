package owners

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

const (
	installer = trustedInstallerSID
	person    = "S-1-5-21-1-2-3-1001"
	other     = "S-1-5-21-1-2-3-1002"
	everyone  = "S-1-1-0"
	signedIn  = "S-1-5-11"
	users     = "S-1-5-32-545"
	packages  = "S-1-15-2-1"
)

// lists are access lists as Windows writes them, with what must be found. The first are
// those of a Windows as it is installed.
var lists = []struct {
	name, sddl string
	part       part
	want       []string
}{
	{"C:\\", "O:" + installer + "D:PAI(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)(A;OICI;0x1200a9;;;BU)(A;OICIIO;0x1301bf;;;AU)(A;;LC;;;AU)", passed, nil},
	{"C:\\Windows", "O:" + installer + "D:PAI(A;OICIIO;GA;;;CO)(A;OICIIO;GA;;;SY)(A;;0x1301bf;;;SY)(A;OICIIO;GA;;;BA)(A;;0x1301bf;;;BA)(A;OICIIO;GXGR;;;BU)(A;;0x1200a9;;;BU)(A;CIIO;GA;;;" + installer + ")(A;;FA;;;" + installer + ")(A;;0x1200a9;;;" + packages + ")", passed, nil},
	{"System32", "O:" + installer + "D:PAI(A;OICIIO;GA;;;CO)(A;;0x1301bf;;;SY)(A;;0x1301bf;;;BA)(A;;0x1200a9;;;BU)(A;;FA;;;" + installer + ")(A;OICIIO;GXGR;;;" + packages + ")", holding, nil},
	{"a DLL of System32", "O:" + installer + "D:PAI(A;;0x1200a9;;;SY)(A;;0x1200a9;;;BA)(A;;0x1200a9;;;BU)(A;;FA;;;" + installer + ")(A;;0x1200a9;;;S-1-15-2-2)", leaf, nil},
	{"a DLL that a setup put there", "O:BAD:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)(A;ID;0x1200a9;;;" + packages + ")", leaf, nil},
	{"C:\\Program Files", "O:" + installer + "D:PAI(A;OICIIO;GA;;;CO)(A;OICIIO;GA;;;SY)(A;;0x1301bf;;;SY)(A;OICIIO;GA;;;BA)(A;;0x1301bf;;;BA)(A;OICIIO;GXGR;;;BU)(A;;0x1200a9;;;BU)(A;;FA;;;" + installer + ")(A;;0x1200a9;;;" + packages + ")", passed, nil},
	{"C:\\ProgramData on the way", "O:SYD:PAI(A;OICIIO;GA;;;CO)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)(A;CI;DCLCRPCR;;;BU)", passed, nil},
	{"HKLM", "O:BAD:PAI(A;CI;KA;;;BA)(A;CI;KR;;;WD)(A;CI;KR;;;RC)(A;CI;KA;;;SY)", key, nil},
	{"HKLM\\SOFTWARE\\Policies", "O:SYD:PAI(A;CI;KR;;;BU)(A;CI;KA;;;BA)(A;CI;KA;;;SY)(A;CIIO;KA;;;CO)(A;CI;KR;;;" + packages + ")", key, nil},
	{"of a domain's administrators", "O:S-1-5-21-1-2-3-512D:(A;;FA;;;S-1-5-21-1-2-3-519)(A;;FA;;;S-1-5-21-1-2-3-500)", leaf, nil},

	{"a folder that was made on C:\\", "O:BAD:AI(A;OICIID;FA;;;BA)(A;OICIID;FA;;;SY)(A;OICIID;0x1200a9;;;BU)(A;ID;0x1301bf;;;AU)(A;OICIIOID;0x1301bf;;;AU)", passed, []string{"others " + signedIn}},
	{"a module in C:\\", "O:BAD:AI(A;ID;FA;;;BA)(A;ID;0x1301bf;;;AU)", leaf, []string{"others " + signedIn}},
	{"C:\\ with a module in it", "O:" + installer + "D:(A;OICI;FA;;;BA)(A;;LC;;;AU)", holding, []string{"adds " + signedIn}},
	{"C:\\ProgramData with the next missing", "O:SYD:(A;OICI;FA;;;SY)(A;CI;DCLCRPCR;;;BU)", lacking, []string{"adds " + users}},
	{"C:\\ProgramData with a module in it", "O:SYD:(A;OICI;FA;;;SY)(A;CI;DCLCRPCR;;;BU)", holding, []string{"adds " + users}},
	{"everyone", "O:BAD:(A;;FA;;;WD)", leaf, []string{"others " + everyone}},
	{"no list", "O:BA", leaf, []string{"all "}},
	{"an empty list", "O:BAD:", leaf, nil},
	{"no owner", "D:(A;;FA;;;BA)", leaf, []string{"unknown "}},
	{"a person's", "O:" + person + "D:(A;;FA;;;BA)", passed, []string{"owner " + person}},
	{"a person's, granted too", "O:" + person + "D:(A;;FA;;;" + person + ")(A;;FA;;;" + other + ")", leaf, []string{"owner+ " + person, "others " + other}},
	{"administrator by name", "O:BAD:(A;;FA;;;S-1-5-21-1-2-3-1500)", leaf, []string{"others S-1-5-21-1-2-3-1500"}},
	{"another service", "O:BAD:(A;;0x2;;;S-1-5-80-1-2-3-4-5)", leaf, []string{"others S-1-5-80-1-2-3-4-5"}},
	{"a denial does not help", "O:BAD:(D;;FA;;;AU)(A;;FA;;;AU)", leaf, []string{"others " + signedIn}},
	{"a denial alone", "O:BAD:(D;;FA;;;WD)(A;;0x1200a9;;;WD)", leaf, nil},
	{"in two entries", "O:BAD:(A;;0x40;;;AU)(A;;0x1;;;AU)", passed, []string{"others " + signedIn}},
	{"creator now", "O:BAD:(A;;FA;;;CO)(A;;FA;;;CG)(A;;FA;;;OW)", leaf, nil},
	{"a key that all may write", "O:BAD:(A;CI;KA;;;BA)(A;CI;KW;;;BU)", key, []string{"others " + users}},
	{"a key below which all may add", "O:BAD:(A;CI;KA;;;BA)(A;CI;0x4;;;BU)", key, []string{"others " + users}},
}

// oddLists are those that not every Windows writes from such a text.
var oddLists = []struct {
	name, sddl string
	part       part
	want       []string
}{
	{"with a condition", `O:BAD:(XA;;FA;;;AU;(@User.x == 1))`, leaf, []string{"others " + signedIn}},
	{"an unknown kind", "O:BAD:(OA;;CC;;;AU)", leaf, []string{"unknown "}},
}

// Each right is a danger where it can change something, and only there.
var rightsAlone = map[uint32]map[part]string{
	0x1:        {}, // read, list
	0x2:        {leaf: "others", holding: "adds", lacking: "adds", key: "others"},
	0x4:        {leaf: "others", holding: "adds", lacking: "adds", key: "others"},
	0x8:        {},              // read extended attributes, enumerate keys
	0x10:       {},              // write extended attributes, be notified
	0x20:       {key: "others"}, // execute; of a key: link
	0x40:       {passed: "others", holding: "others", lacking: "others"},
	0x80:       {}, // read attributes
	0x100:      {leaf: "others", holding: "adds", lacking: "adds"},
	0x10000:    {leaf: "others", passed: "others", holding: "others", lacking: "others", key: "others"},
	0x20000:    {}, // read the list
	0x40000:    {leaf: "others", passed: "others", holding: "others", lacking: "others", key: "others"},
	0x80000:    {leaf: "others", passed: "others", holding: "others", lacking: "others", key: "others"},
	0x100000:   {}, // wait
	0x10000000: {leaf: "others", passed: "others", holding: "others", lacking: "others", key: "others"},
	0x20000000: {}, // generic execute
	0x40000000: {leaf: "others", holding: "adds", lacking: "adds", key: "others"},
	0x80000000: {}, // generic read
}

func TestRights(t *testing.T) {
	for rights, want := range rightsAlone {
		for _, p := range []part{leaf, passed, holding, lacking, key} {
			for flags, inherited := range map[string]bool{"": false, "inherit only": true} {
				a := access{owner: systemSID, entries: []entry{{sid: everyone, rights: rights, inheritOnly: inherited}}}
				var expected []string
				if want[p] != "" && !inherited {
					expected = []string{want[p] + " " + everyone}
				}
				if got := found(a.faults("x", p, administrates)); !slices.Equal(got, expected) {
					t.Errorf("%#x of part %d %s: %q, want %q", rights, p, flags, got, expected)
				}
			}
		}
	}
}

func TestLists(t *testing.T) {
	for _, c := range append(slices.Clone(lists), oddLists...) {
		a := parse(t, c.sddl)
		if got := found(a.faults(c.name, c.part, administrates)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// What is a person's own is trusted where a person's settings name it.
func TestPersonsOwn(t *testing.T) {
	mine := func(sid string) bool { return administrates(sid) || sid == person }
	a := parse(t, "O:"+person+"D:(A;;FA;;;"+person+")(A;;FA;;;SY)")
	if got := a.faults("x", leaf, mine); len(got) > 0 {
		t.Errorf("%q", found(got))
	}
	a = parse(t, "O:"+person+"D:(A;;FA;;;"+other+")")
	if got := found(a.faults("x", leaf, mine)); !slices.Equal(got, []string{"others " + other}) {
		t.Errorf("%q", got)
	}
}

// found are faults as kind and account.
func found(faults []Fault) (list []string) {
	for _, f := range faults {
		kind := map[Kind]string{Owner: "owner", Unknown: "unknown", All: "all", Others: "others", Adds: "adds"}[f.Kind]
		if f.Writes {
			kind += "+"
		}
		list = append(list, kind+" "+f.SID)
	}
	return list
}

// parse reads what the tests need of SDDL ([MS-DTYP] 2.5.1), so that the decision is
// tested on every system; on Windows its own reading is compared with it.
func parse(t *testing.T, sddl string) (a access) {
	t.Helper()
	owner, list, listed := strings.Cut(sddl, "D:")
	a.owner, a.unlisted = sid(strings.TrimPrefix(owner, "O:")), !listed
	for _, text := range strings.Split(list, "(")[1:] {
		fields := strings.Split(strings.TrimRight(text, ")"), ";")
		if len(fields) < 6 {
			continue // the second half of a condition
		}
		e := entry{sid: sid(fields[5]), rights: rightsOf(t, fields[2]), inheritOnly: strings.Contains(fields[1], "IO")}
		switch fields[0] {
		case "D":
			continue
		case "OA":
			e = entry{unreadable: true}
		}
		a.entries = append(a.entries, e)
	}
	return a
}

func sid(name string) string {
	known := map[string]string{
		"BA": administratorsSID, "SY": systemSID, "BU": users, "AU": signedIn, "WD": everyone,
		"CO": "S-1-3-0", "CG": "S-1-3-1", "OW": "S-1-3-4", "RC": "S-1-5-12",
	}
	if s, ok := known[name]; ok {
		return s
	}
	return name
}

func rightsOf(t *testing.T, text string) (rights uint32) {
	t.Helper()
	if digits, is := strings.CutPrefix(text, "0x"); is {
		n, err := strconv.ParseUint(digits, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	known := map[string]uint32{
		"FA": 0x1f01ff, "KA": 0xf003f, "KR": 0x20019, "KW": 0x20006, "GA": genericAll, "GR": 0x80000000, "GX": 0x20000000,
		"CC": 0x1, "DC": 0x2, "LC": 0x4, "SW": 0x8, "RP": 0x10, "WP": 0x20, "DT": 0x40, "LO": 0x80, "CR": 0x100,
	}
	for ; text != ""; text = text[2:] {
		n, ok := known[text[:2]]
		if !ok {
			t.Fatalf("right %q", text[:2])
		}
		rights |= n
	}
	return rights
}

// What is said names the account, and leads on.
func TestListedTexts(t *testing.T) {
	file := Fault{Path: `C:\CPx é\m.dll`, Kind: Others, Listed: true, SID: signedIn}
	folder := Fault{Path: `C:\CPx é`, Kind: Adds, Listed: true, SID: users, Folder: true}
	drive := Fault{Path: `C:\`, Kind: Others, Listed: true, SID: "S-1-5-21-1-2-3-513", Folder: true}
	for name, c := range map[string]struct {
		e         Error
		why, next []string
	}{
		"machine's": {Error{Path: file.Path, Faults: []Fault{folder, file}}, []string{"ajoutés par " + account(users), "modifié par " + account(signedIn)}, []string{
			`C:\Program Files`, `icacls "C:\CPx é" /inheritance:d /grant:r "*S-1-5-32-545:(OI)(CI)RX"`, `icacls "C:\CPx é\m.dll" /inheritance:d /grant:r "*S-1-5-11:RX"`}},
		"a drive": {Error{Faults: []Fault{drive}}, []string{"tous les utilisateurs du domaine (S-1-5-21-1-2-3-513)"}, []string{"droits que Windows y met"}},
		"another owner": {Error{Path: "f", Faults: []Fault{{Path: "f", Kind: Owner, Listed: true, SID: person, Writes: true}}},
			[]string{"appartient à " + person}, []string{`icacls "f" /setowner *S-1-5-32-544`, `"*` + person + `:RX"`}},
		"a person's":        {Error{Path: file.Path, Trust: Person, Faults: []Fault{file}}, nil, []string{"Lancez : icacls"}},
		"another's":         {Error{Path: "f", Trust: Person, Faults: []Fault{{Path: "f", Kind: Owner, Listed: true, SID: other}}}, nil, []string{"Remplacez f par une copie"}},
		"without a list":    {Error{Faults: []Fault{{Path: `E:\m.dll`, Kind: All, Listed: true}}}, []string{"tout le monde"}, []string{`C:\Program Files`}},
		"not to be told":    {Error{Faults: []Fault{{Path: `E:\m.dll`, Kind: Unknown, Listed: true}}}, []string{"on ne peut pas savoir"}, []string{`C:\Program Files`}},
		"a registry key":    {Error{Fixed: true, Faults: []Fault{{Path: `HKLM\S`, Kind: Others, Listed: true, Key: true, SID: users}}}, []string{`HKLM\S peut`}, []string{"regedit", `HKLM\S`}},
		"cannot be another": {Error{Path: file.Path, Fixed: true, Faults: []Fault{file}}, nil, []string{"En administrateur, lancez : icacls"}},
	} {
		say := texts.In("fr")
		for _, want := range c.why {
			if got := c.e.Why(say); !strings.Contains(got, want) {
				t.Errorf("%s: no %q in %q", name, want, got)
			}
		}
		for _, want := range c.next {
			if got := c.e.Next(say); !strings.Contains(got, want) {
				t.Errorf("%s: no %q in %q", name, want, got)
			}
		}
		if english := c.e.Next(texts.In("en")); strings.Contains(english, "%!") || strings.Contains(fmt.Sprint(&c.e), "%!") {
			t.Errorf("%s: %s", name, english)
		}
	}
}
