package command

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs command lines as a shell does, in a home of their own, and
// checks the output and the exit status.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			for name, value := range map[string]string{
				"HOME": env.WorkDir, "XDG_CONFIG_HOME": "$WORK/config", "XDG_CONFIG_DIRS": "$WORK/machine", "XDG_STATE_HOME": "$WORK/state",
				"XDG_RUNTIME_DIR": env.WorkDir, "DBUS_SESSION_BUS_ADDRESS": "disabled:", "LANG": "en_GB.UTF-8", "GORACE": "atexit_sleep_ms=0",
			} {
				env.Setenv(name, strings.ReplaceAll(value, "$WORK", env.WorkDir))
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"agent": agentExits, "misused": misusedTwoLines},
	})
}

// agentExits is `agent STATUS ARGS...`: cpx-agent exits with that status.
func agentExits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("usage: agent STATUS ARGS...")
	}
	got := 0
	var ended *exec.ExitError
	switch err := ts.Exec("cpx-agent", args[1:]...); {
	case errors.As(err, &ended):
		got = ended.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// misusedTwoLines is `misused TEXT TOPIC ARGS...`: cpx-agent refuses the arguments
// with the text, a line that names the help to read, and status 2.
func misusedTwoLines(ts *testscript.TestScript, _ bool, args []string) {
	agentExits(ts, false, append([]string{"2"}, args[2:]...))
	lines := strings.SplitAfter(ts.ReadFile("stderr"), "\n")
	help := strings.TrimSpace("cpx-agent "+args[1]) + " --help"
	if ts.ReadFile("stdout") != "" || len(lines) != 3 || !strings.HasPrefix(lines[0], "cpx-agent: ") || !strings.Contains(lines[0], args[0]) || !strings.Contains(lines[1], help) {
		ts.Fatalf("want two lines on stderr, with %q and %q", args[0], help)
	}
}
