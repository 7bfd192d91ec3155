package conformance

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// isolatedVariable marks a process that has mounts of its own.
const isolatedVariable = "CPX_CONFORMANCE_ISOLATED"

const tokenStore = "/var/lib/opencryptoki"

// Isolate runs this program again in mount and IPC namespaces of its own, where
// this process is root and opencryptoki is installed, and then never returns:
// opencryptoki has one token store and one daemon for the whole machine, which must
// not be touched.
func Isolate() {
	if os.Getenv(isolatedVariable) != "" || os.Getuid() != 0 || find(opencryptokiModule) == "" {
		return
	}
	own := []string{"--mount", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"}
	if exec.Command("unshare", append(own, "true")...).Run() != nil {
		return // in a container, say: the table then reports the module as missing
	}
	cmd := exec.Command("unshare", append(append(own, os.Args[0]), os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), isolatedVariable+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "conformance: not isolated:", err)
		return
	}
	os.Exit(0)
}

const opencryptokiModule = "opencryptoki/libopencryptoki.so.0"

func opencryptokiMissing() string {
	switch {
	case find(opencryptokiModule) == "":
		return "no " + opencryptokiModule + "; package opencryptoki brings it"
	case os.Getenv(isolatedVariable) == "":
		return "its daemon wants root, and namespaces of its own"
	}
	return ""
}

// daemonDirs are the folders that the daemon and the token need, with their group.
var daemonDirs = []string{tokenStore + "/swtok/TOK_OBJ", "/run/opencryptoki", "/run/lock/opencryptoki", "/run/lock/opencryptoki/swtok"}

// opencryptoki is its software token, in a store of the test's own.
func opencryptoki(ctx context.Context, dir string, n needs) (*lab, error) {
	l := &lab{pin: virtual.PIN}
	if n.always || n.open {
		l.lacks = "the token was filled with keys that want a login, and opencryptoki has no CKA_ALWAYS_AUTHENTICATE"
	}
	if n.keys != "" {
		l.lacks = asTheyShould
	}
	for _, path := range []string{tokenStore, "/run"} {
		if err := tool(ctx, "mount", "-t", "tmpfs", "tmpfs", path); err != nil {
			return nil, err
		}
	}
	group, err := user.LookupGroup("pkcs11")
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(group.Gid)
	if err != nil {
		return nil, err
	}
	for _, path := range daemonDirs {
		if err := os.MkdirAll(path, 0o770); err != nil {
			return nil, err
		}
		for p := path; p != "/run" && p != "/run/lock" && p != filepath.Dir(tokenStore); p = filepath.Dir(p) {
			if err := errors.Join(os.Chown(p, 0, gid), os.Chmod(p, 0o770)); err != nil {
				return nil, err
			}
		}
	}
	if err := tool(ctx, "pkcsslotd"); err != nil {
		return nil, err
	}
	l.ended = func() error {
		return errors.Join(
			endDaemon(),
			tool(context.WithoutCancel(ctx), "umount", "-l", "/run"), tool(context.WithoutCancel(ctx), "umount", "-l", tokenStore))
	}
	if err := l.fillOpencryptoki(ctx, dir); err != nil {
		return nil, errors.Join(err, l.ended())
	}
	l.pool, err = pkcs11.Open(ctx, pkcs11.Options{Modules: []string{find(opencryptokiModule)}})
	return l, err
}

// endDaemon ends the daemon and waits until it is gone.
func endDaemon() error {
	text, err := os.ReadFile("/run/pkcsslotd.pid")
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return err
	}
	// In a process namespace the first process is the parent of every daemon.
	_, err = syscall.Wait4(pid, nil, 0, nil)
	return err
}

func (l *lab) fillOpencryptoki(ctx context.Context, dir string) error {
	const slot, factory, officer = "3", "87654321", "12345678"
	// The daemon is ready when the slot answers.
	for end := time.Now().Add(10 * time.Second); tool(ctx, "pkcsconf", "-t", "-c", slot) != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			return errors.New("opencryptoki's daemon does not answer")
		}
	}
	label := exec.CommandContext(ctx, "pkcsconf", "-I", "-c", slot, "-S", factory)
	label.Stdin = bytes.NewBufferString("CPS TEST\n")
	if out, err := label.CombinedOutput(); err != nil {
		return fmt.Errorf("pkcsconf -I: %w\n%s", err, out)
	}
	if err := errors.Join(
		tool(ctx, "pkcsconf", "-P", "-c", slot, "-S", factory, "-n", officer),
		tool(ctx, "pkcsconf", "-u", "-c", slot, "-S", officer, "-n", "00000000"),
		tool(ctx, "pkcsconf", "-p", "-c", slot, "-U", "00000000", "-n", l.pin),
	); err != nil {
		return err
	}
	pki, err := testPKI()
	if err != nil {
		return err
	}
	identities, err := virtual.Identities(pki.Intermediate, virtual.CardOptions{Type: virtual.PIV})
	if err != nil {
		return err
	}
	for i, identity := range identities {
		key, err := x509.MarshalPKCS8PrivateKey(identity.Key)
		if err != nil {
			return err
		}
		id := fmt.Sprintf("%02d", i+1)
		keyFile, certFile := filepath.Join(dir, id+".key"), filepath.Join(dir, id+".der")
		if err := errors.Join(os.WriteFile(keyFile, key, 0o600), os.WriteFile(certFile, identity.Cert.Raw, 0o600)); err != nil {
			return err
		}
		base := []string{"--module", find(opencryptokiModule), "--token-label", "CPS TEST", "--login", "--pin", l.pin, "--id", id}
		if err := errors.Join(
			tool(ctx, "pkcs11-tool", append(base, "--write-object", keyFile, "--type", "privkey", "--usage-sign")...),
			tool(ctx, "pkcs11-tool", append(base, "--write-object", certFile, "--type", "cert")...),
		); err != nil {
			return err
		}
	}
	return nil
}
