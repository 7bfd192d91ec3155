// Package faultmodule builds a PKCS#11 module for tests: it wraps a real one and
// hangs, crashes, lies about lengths or returns any code, in any call, on demand.
// A Module is for one caller at a time. It is never part of what people install.
package faultmodule

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed c
var sources embed.FS

// The environment that the module reads; see c/fault.c and c/vendor.c.
const (
	ModuleVariable  = "CPX_FAULT_MODULE"
	ControlVariable = "CPX_FAULT_CONTROL"
	VendorVariable  = "CPX_FAULT_VENDOR"
)

// Functions lists the calls that can be made to fail after the module is loaded, in
// the order in which a login first makes them.
func Functions() []string {
	return []string{
		"C_Initialize", "C_GetInfo", "C_GetSlotList", "C_GetSlotInfo", "C_GetTokenInfo", "C_OpenSession", "C_FindObjectsInit",
		"C_FindObjects", "C_FindObjectsFinal", "C_GetAttributeValue", "C_CloseSession", "C_GetMechanismList", "C_GetSessionInfo",
		"C_Login", "C_SignInit", "C_Sign", "C_Logout",
	}
}

// Module is a built module with its control file.
type Module struct{ Path, control string }

// Build compiles the module into dir, with the C compiler and the headers of the
// project's PKCS#11 binding.
func Build(ctx context.Context, dir string) (Module, error) {
	headers, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/miekg/pkcs11").Output()
	if err != nil {
		return Module{}, fmt.Errorf("faultmodule: headers: %w", err)
	}
	if err := os.CopyFS(dir, sources); err != nil {
		return Module{}, err
	}
	m := Module{Path: filepath.Join(dir, "fault.so"), control: filepath.Join(dir, "control")}
	cmd := exec.CommandContext(ctx, "gcc", "-std=gnu11", "-Wall", "-shared", "-fPIC", "-I", strings.TrimSpace(string(headers)), "-o", m.Path, filepath.Join(dir, "c/fault.c"), filepath.Join(dir, "c/vendor.c"), "-ldl")
	if out, err := cmd.CombinedOutput(); err != nil {
		return Module{}, fmt.Errorf("faultmodule: gcc: %w\n%s", err, out)
	}
	return m, m.Heal()
}

// Env returns the environment that makes the module wrap the one at the path real.
func (m Module) Env(real string) map[string]string {
	return map[string]string{ModuleVariable: real, ControlVariable: m.control}
}

// VendorEnv is Env, and the module behaves as the vendor's does: see c/vendor.c.
func (m Module) VendorEnv(real string) map[string]string {
	env := m.Env(real)
	env[VendorVariable] = "yes"
	return env
}

// Fail makes the function fail from the next call on, in every process.
func (m Module) Fail(function, fault string) error {
	return os.WriteFile(m.control, []byte(function+" "+fault+"\n"), 0o600)
}

// Heal ends all faults; a call that hangs already goes on hanging.
func (m Module) Heal() error { return os.WriteFile(m.control, nil, 0o600) }
