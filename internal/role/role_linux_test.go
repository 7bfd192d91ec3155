package role

import (
	"strings"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// A role typed on a command line starts no process that waits forever.
func TestWithoutParent(t *testing.T) {
	cmd, err := echo.Command(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expectStatus(t, cmd.Run(), ExitMisused)
}

// Ctrl-C on the parent's terminal is for the parent alone.
func TestOwnGroup(t *testing.T) {
	cmd, err := echo.Command(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, out, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	group, err := syscall.Getpgid(cmd.Process.Pid)
	if err != nil || group != cmd.Process.Pid {
		t.Errorf("group %d of process %d, %v", group, cmd.Process.Pid, err)
	}
	_ = out.Close()
	_ = cmd.Wait()
}

// TestWindows runs these tests under wine.
func TestWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	out := winetest.New(t).Run(program, "-test.v", "-test.run=^(TestStart|TestAsked|TestCommandLine|TestContext|TestExit|TestEndWithParent|TestConsole)$", "-test.timeout=60s")
	for _, test := range []string{"TestStart", "TestAsked", "TestCommandLine", "TestContext", "TestExit", "TestEndWithParent", "TestConsole"} {
		if !strings.Contains(out, "--- PASS: "+test+" ") {
			t.Errorf("%s did not pass:\n%s", test, out)
		}
	}
}
