package autostart

import (
	"encoding/xml"
	"flag"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the files under packaging/")

// TestPackages: packages install the same entry that the command writes.
func TestPackages(t *testing.T) {
	entry, err := DesktopEntry("/usr/bin/cpx-agent")
	if err != nil {
		t.Fatal(err)
	}
	list, err := PropertyList("/Applications/CPx Bridge.app/Contents/MacOS/cpx-agent")
	if err != nil {
		t.Fatal(err)
	}
	menu, err := MenuEntry("/usr/bin/cpx-agent")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"../../packaging/linux/applications/cpx-bridge.desktop": menu,
		"../../packaging/linux/autostart/cpx-bridge.desktop":    entry,
		"../../packaging/macos/" + label + ".plist":             list,
	} {
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is not what the code writes (go test ./agent/autostart -update): %v", path, err)
		}
	}
}

func TestParseEntry(t *testing.T) {
	for text, want := range map[string]entry{
		"[Desktop Entry]\nTryExec=/a\\sb\\\\c\n":                           {enabled: true, tryExec: `/a b\c`},
		"[Desktop Entry]\nHidden=true\n":                                   {},
		"[Desktop Entry]\n Hidden = true \nX-GNOME-Autostart-enabled=true": {},
		"[Desktop Entry]\nX-GNOME-Autostart-enabled=false\n":               {},
		"[Desktop Entry]\nHidden=false\n[Desktop Action x]\nHidden=true\n": {enabled: true},
		"":                                    {},
		"Hidden=false":                        {},
		"[Desktop Entry]\nExec=cpx-agent run": {enabled: true, exec: []string{"cpx-agent", "run"}},
		"[Desktop Entry]\nExec=\"/a b/\\\\\\\\c\\\\\"\\\\$d/cpx-agent\"  run --supervise ": {enabled: true, exec: []string{`/a b/\c"$d/cpx-agent`, "run", "--supervise"}},
	} {
		if got := parseEntry([]byte(text)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

// TestProgramOfAnEntry: whatever the path, the entry that is written names the program that is
// read from it.
func TestProgramOfAnEntry(t *testing.T) {
	for _, program := range []string{"/usr/bin/cpx-agent", "/a b/c", `/q"q/$HOME/\`, "/`id`/s\\s", "/é’"} {
		text, err := DesktopEntry(program)
		if err != nil {
			t.Fatal(err)
		}
		if got, supervised := parseEntry([]byte(text)).started(); got != program || !supervised {
			t.Errorf("%q %v, want %q in\n%s", got, supervised, program, text)
		}
	}
}

func TestBadPrograms(t *testing.T) {
	for _, bad := range []string{"", "cpx-agent", "./cpx-agent", "/a\nExec=evil", "/a=b", "/a%b", "/a\xff"} {
		if entry, err := DesktopEntry(bad); err == nil {
			t.Errorf("%q:\n%s", bad, entry)
		}
	}
	for _, bad := range []string{"", "cpx-agent", "/a\nb", "/a\xff"} {
		if list, err := PropertyList(bad); err == nil {
			t.Errorf("%q:\n%s", bad, list)
		}
	}
}

func TestPropertyList(t *testing.T) {
	const program = `/Applications/A & B <"c">.app/é`
	list, err := PropertyList(program)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for d := xml.NewDecoder(strings.NewReader(list)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) != "" {
			texts = append(texts, string(text))
		}
	}
	want := []string{"Label", label, "ProgramArguments", program, "run", "--supervise", "--quiet", "RunAtLoad", "KeepAlive", "Crashed", "LimitLoadToSessionType", "Aqua", "ProcessType", "Interactive"}
	if strings.Join(texts, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", texts, want)
	}
}
