package faults

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

func TestMain(m *testing.M) {
	pkcs11.RunChildRole()
	os.Exit(m.Run())
}

// Two rounds of every fault, or one in short mode; `make faults` plays twenty.
func TestFaults(t *testing.T) {
	rounds := 2
	if testing.Short() {
		rounds = 1
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+"/", "./cmd/...", "./internal/lab/autopin")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	// Sockets have short names, shorter than a test's own folder may be.
	dir, err := os.MkdirTemp("", "cpxf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	var rows []Row
	err = Run(t.Context(), dir, bin, "", rounds, func(r Row) {
		rows = append(rows, r)
		if !r.Good() {
			t.Errorf("%s: %d of %d right, %d next logins, %d tries of %d: %v", r.Fault, r.Right, r.Rounds, r.Next, r.Tries, r.Made, r.Notes)
		}
	})
	if err != nil {
		t.Error(err)
	}
	if t.Failed() {
		var table bytes.Buffer
		if err := Table(&table, rows); err != nil {
			t.Error(err)
		}
		t.Log("\n" + table.String())
	}
}
