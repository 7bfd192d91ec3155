package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestSupervisedOnWindows: the program for Windows starts its agent anew after it was ended
// as the Task Manager does.
func TestSupervisedOnWindows(t *testing.T) {
	program := winetest.BuildWithC(t, ".")
	w := winetest.NewWithSockets(t)
	config := w.Path("users/config.toml")
	must(t, os.WriteFile(config, []byte("lang = \"en\"\n"), 0o600))
	cmd := w.Command(program, "run", "--supervise", "--quiet", "--no-tray", "--config", `C:\users\config.toml`)
	var log testdesktop.Output
	cmd.Stdout, cmd.Stderr = &log, &log
	must(t, cmd.Start())
	go func() { _ = cmd.Wait() }() // it ends with the test's Windows
	served := func(times int) {
		t.Helper()
		const line = "msg=listening address=127"
		if text, ok := log.Await(3*testdesktop.Patience, func(text string) bool { return strings.Count(text, line) >= times }); !ok {
			t.Fatalf("not served %d times:\n%s", times, text)
		}
	}
	served(1)
	locks, _ := filepath.Glob(w.Path("users/*/AppData/Local/CPxBridge/agent-*.lock"))
	if len(locks) != 1 {
		t.Fatal(locks)
	}
	text, err := os.ReadFile(locks[0])
	must(t, err)
	pid := regexp.MustCompile(`\d+`).FindString(string(text))
	if n, _ := strconv.Atoi(pid); n == 0 {
		t.Fatalf("%q", text)
	}
	w.Run("taskkill", "/F", "/PID", pid)
	served(2)
	if !strings.Contains(log.String(), "the agent crashed, and is started anew") {
		t.Error(log.String())
	}
}
