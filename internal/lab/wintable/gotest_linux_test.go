package wintable

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/cells"
)

// fakeGo is a go command in front of the real one, whose tests print events and end by a
// line of the shell. Its module is m.
func fakeGo(t *testing.T, events, end string) {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\n[ $1 = test ] || { echo m; exit; }\ncat <<'EVENTS'\n" + events + "EVENTS\n" + end + "\n"
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// TestGoTestEnds: every package asked for has a cell, also where go test is killed after
// the first, and only an end of its own, with a status that says how the tests did, is no
// error.
func TestGoTestEnds(t *testing.T) {
	const (
		passed = `{"Action":"pass","Package":"m/a","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"m/a"}` + "\n"
		failed = `{"Action":"fail","Package":"m/b"}` + "\n"
		begun  = `{"Action":"start","Package":"m/b"}` + "\n" + `{"Action":"pass","Package":"m/b","Test":"TestB"}` + "\n"
	)
	for name, c := range map[string]struct {
		events, end string
		want        string // the cells
		err         string // "" for none
		why         string // of a cell that is not good
	}{
		"passed":                         {passed + strings.ReplaceAll(passed, "m/a", "m/b"), "exit 0", "m/a ok, m/b ok", "", ""},
		"failed":                         {passed + failed, "exit 1", "m/a ok, m/b FAIL", "", ""},
		"killed after the first":         {passed, "kill -KILL $$", "m/a ok, m/b NOT TRIED", "killed", "signal: killed"},
		"killed in the second":           {passed + begun, "kill -KILL $$", "m/a ok, m/b FAIL", "killed", "did not end"},
		"status 2 after the first":       {passed, "exit 2", "m/a ok, m/b NOT TRIED", "exit status 2", "exit status 2"},
		"status 2, and all were good":    {passed + strings.ReplaceAll(passed, "m/a", "m/b"), "exit 2", "m/a ok, m/b ok", "exit status 2", ""},
		"status 1, and the second lacks": {passed, "exit 1", "m/a ok, m/b NOT TRIED", "", "exit status 1"},
		"status 0, and the second lacks": {passed, "exit 0", "m/a ok, m/b NOT TRIED", "", "sent nothing"},
		"nothing":                        {"", "exit 1", "m/a NOT TRIED, m/b NOT TRIED", "", "sent nothing"},
		"no event":                       {passed + "no JSON\n", "yes | head -n 100000; exit 1", "m/a ok, m/b NOT TRIED", "no JSON", "sent nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			fakeGo(t, c.events, c.end)
			var got, why []string
			err := GoTest(t.Context(), nil, []string{"m/a", "m/b"}, nil, func(p Tested) {
				u := Unit{Package: p.Package}
				for _, r := range u.results(p, "amd64") {
					got = append(got, r.Case+" "+map[cells.State]string{cells.Passed: "ok", cells.Failed: "FAIL", cells.NotTried: "NOT TRIED"}[r.State])
					why = append(why, r.Why)
				}
			})
			if strings.Join(got, ", ") != c.want || !strings.Contains(strings.Join(why, "\n"), c.why) {
				t.Errorf("%q, want %q; %q, want %q", got, c.want, why, c.why)
			}
			if (c.err == "") != (err == nil) || !strings.Contains(fmt.Sprint(err), c.err) {
				t.Errorf("%v, want %q", err, c.err)
			}
		})
	}
}

// TestNotSent: what is played has a cell too where go test sent nothing of it, with the
// reason.
func TestNotSent(t *testing.T) {
	fakeGo(t, "", "exit 1")
	var got []cells.Result
	err := RunPlayed(t.Context(), []Played{{Package: "agent/peer"}}, func(r cells.Result) { got = append(got, r) })
	if err != nil || len(got) != 1 || got[0].State != cells.NotTried || !strings.Contains(got[0].Why, "sent nothing") {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestExecFlag: the program that runs the tests is found, whatever the folder's name is.
func TestExecFlag(t *testing.T) {
	module := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module m\n", "m_test.go": "package m\n\nimport \"testing\"\n\nfunc TestM(*testing.T) {}\n"} {
		if err := os.WriteFile(filepath.Join(module, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"plain", "a folder", "l'été", "both ' and space"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		program := filepath.Join(dir, "runs")
		if err := os.WriteFile(program, []byte("#!/bin/sh\necho the first word is \"$1\"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		flag, err := execFlag(program)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "go", "test", "-v", "-count=1", "-exec", flag, ".")
		cmd.Dir = module
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "the first word is "+InWine+"\n") {
			t.Errorf("%s: %v\n%s", flag, err, out)
		}
	}
	if flag, err := execFlag(`/tmp/both ' and "/runs`); err == nil {
		t.Errorf("%s cannot be read", flag)
	}
}
