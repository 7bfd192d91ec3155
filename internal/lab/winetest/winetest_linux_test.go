package winetest

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// TestWindows: a Go program runs, with random numbers and the variables of its
// environment, each test has a Windows of its own, and nothing runs on after it.
func TestWindows(t *testing.T) {
	hello := Build(t, "./testdata/hello")
	var prefix string
	t.Run("one", func(t *testing.T) {
		w := New(t, "CPX_TEST=yes")
		prefix = w.prefix
		if got := w.Run(hello, "left.txt", "text"); !strings.Contains(got, "windows 26 1 <nil> yes") {
			t.Errorf("%q", got)
		}
		if text, err := os.ReadFile(w.Path("windows/temp/left.txt")); err != nil || string(text) != "text" {
			t.Errorf("%q, %v", text, err)
		}
		running := w.Command(hello, "wait")
		out, err := running.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := running.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "windows") {
			t.Fatal(line, err)
		}
		if len(using(t, prefix)) == 0 {
			t.Error("no process of a running Windows is found: this test could not fail")
		}
		t.Cleanup(func() { _ = running.Wait() })
	})
	if remaining := using(t, prefix); len(remaining) > 0 {
		t.Errorf("still running: %q", remaining)
	}
	if _, err := os.Stat(prefix); !os.IsNotExist(err) {
		t.Errorf("%s: %v", prefix, err)
	}
	t.Run("another", func(t *testing.T) {
		if got := New(t).Run(hello); !strings.Contains(got, "windows 26 0 <nil>") {
			t.Errorf("it sees the first Windows' file: %q", got)
		}
	})
}

// using are the processes of a Windows.
func using(t *testing.T, prefix string) (commands []string) {
	t.Helper()
	for _, command := range processes(t, prefix) {
		commands = append(commands, command)
	}
	return commands
}

// TestMissing: the error names what is not installed, with its packages.
func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := findTools(); err == nil || !strings.Contains(err.Error(), "mingw32-gcc") || !strings.Contains(err.Error(), Packages) {
		t.Error(err)
	}
}
