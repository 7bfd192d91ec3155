package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/jsonschema"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// loud is a module that prints while it is loaded, as one with its maker's traces in it does.
const loud = `#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void loud(void) {
	puts("TEST on standard output");
	fflush(stdout);
	fputs("TEST on standard error\n", stderr);
	if (write(1, "TEST\n", 5) < 0) _exit(1);
}
`

// examines runs doctor as an inventory does, with its output apart, and reads it.
func examines(t *testing.T, p *workstation.Person, env []string, args ...string) doctor.Report {
	t.Helper()
	cmd := p.Command(append([]string{"doctor", "--json", "--lang", "fr"}, args...)...)
	cmd.Env = append(cmd.Env, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() > 1 {
		t.Fatalf("%v %s", err, errs.String())
	}
	if errs.Len() > 0 {
		t.Errorf("standard error: %s", errs.String())
	}
	must(t, jsonschema.Check(doctor.Schema(), out.Bytes()))
	var r doctor.Report
	must(t, json.Unmarshal(out.Bytes(), &r))
	return r
}

// TestLoudModule: what a module prints on its own gets into no output, and its path, which is in
// no character set, into a JSON that any reads.
func TestLoudModule(t *testing.T) {
	real, err := filepath.Glob("/usr/lib/*/opensc-pkcs11.so")
	if err != nil || len(real) == 0 {
		need.Lacks(t, "OpenSC's module")
	}
	p := workstation.NewPerson(t, "")
	dir := filepath.Join(t.TempDir(), "modules é \"")
	source := filepath.Join(t.TempDir(), "loud.c")
	module := filepath.Join(dir, "loud.so")
	must(t, errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(source, []byte(loud), 0o600)))
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", module, source, "-Wl,--no-as-needed", real[0]).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.Settings(t, "modules = [%q]\n", module)
	for _, f := range examines(t, p, nil).Findings {
		if f.Code == "module_works" && f.Subject == module {
			return
		}
	}
	t.Error("the module does not work, or its path came through otherwise")
}

// TestSilentPCSC: a service for readers that takes connections and never answers is a
// problem, and no doctor that never ends.
func TestSilentPCSC(t *testing.T) {
	p, _ := workstation.WithReader(t)
	socket := filepath.Join(t.TempDir(), "silent")
	l, err := net.Listen("unix", socket)
	must(t, err)
	defer l.Close()
	r := examines(t, p, []string{"PCSCLITE_CSOCK_NAME=" + socket}, "--scope", "reader")
	if len(r.Findings) != 1 || r.Findings[0].Check != "pcsc" || r.Findings[0].Code != "late" || r.Outcome != doctor.Problem {
		t.Errorf("%+v", r)
	}
}
