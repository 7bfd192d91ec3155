//go:build unix

package command

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWouldServe: a program that takes some of the settings and leaves others out serves, as
// the one that runs does; one that says what is wrong with them does not.
func TestWouldServe(t *testing.T) {
	program := filepath.Join(t.TempDir(), "cpx-agent")
	for policy, want := range map[string]string{
		"exit 0": "",
		"echo 'config.toml:2: ports.first: is not taken'; exit 1": "",
		"echo 'cpx-agent: TEST' >&2; exit 1":                      "TEST",
		"exit 2":                                                  "exit status 2",
		"kill -9 $$":                                              "signal: killed",
	} {
		text := "#!/bin/sh\n[ \"$1\" != version ] || { echo 'cpx-agent 3'; exit; }\n" + policy + "\n"
		if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		said := ""
		if err := (&invocation{}).wouldServe(t.Context(), program); err != nil {
			said = err.Error()
		}
		if (want == "") != (said == "") || want != "" && said != want && said != "cpx-agent: "+want {
			t.Errorf("%s: %q, want %q", policy, said, want)
		}
	}
}
