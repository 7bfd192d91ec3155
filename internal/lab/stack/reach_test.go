package stack

import (
	"os/exec"
	"testing"
)

// TestShellWord: a shell reads the text that was meant, and nothing else.
func TestShellWord(t *testing.T) {
	for _, text := range []string{"/home/a/b", "", "l'année", "a b", "$HOME", "`id`", "a;b", `\`, `"`, "*", "~", "a=b", "#", "é'\n'"} {
		out, err := exec.Command("sh", "-c", "printf %s "+ShellWord(text)).Output()
		if err != nil || string(out) != text {
			t.Errorf("%q: %v, %q", text, err, out)
		}
	}
	if ShellWord("/home/a/b") != "/home/a/b" {
		t.Error("a plain path is quoted")
	}
}
