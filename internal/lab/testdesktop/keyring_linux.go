package testdesktop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// KeyringPassword is the password of a test's keyring.
const KeyringPassword = "TEST"

// Secrets is the bus name of a keyring (freedesktop.org Secret Service).
const Secrets = "org.freedesktop.secrets"

const loginKeyring = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")

// IsolatedBus starts a session bus on which only the named services of the system's
// folder start by themselves, with env added to their environment. A test on it
// never meets the keyring of the person who runs it.
func IsolatedBus(t *testing.T, env []string, services ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range services {
		text, err := os.ReadFile(need.File(t, filepath.Join("/usr/share/dbus-1/services", name+".service")))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".service"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, `<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><servicedir>%s</servicedir>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(need.Program(t, "dbus-daemon"), "--config-file="+config, "--nofork", "--print-address=3")
	cmd.Env = append(os.Environ(), env...)
	runDaemon(t, w, cmd)
	_ = w.Close()
	return firstLine(t, r)
}

// Keyring is a real gnome-keyring on a bus of its own, with a home of its own.
type Keyring struct {
	Bus  string   // the bus's address
	Home string   // the keyring's files are in it
	Env  []string // for programs that use it

	t    *testing.T
	conn *dbus.Conn
}

// NewKeyring starts an unlocked keyring. It asks for its password on display, or
// not at all where that is "". More services may start on its bus.
func NewKeyring(t *testing.T, display string, services ...string) *Keyring {
	t.Helper()
	// Sockets have short names, shorter than a test's own folder may be.
	home, err := os.MkdirTemp("", "cpxk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	k := &Keyring{Home: home, t: t}
	k.Env = []string{
		"HOME=" + home, "XDG_RUNTIME_DIR=" + home, "XDG_DATA_HOME=" + filepath.Join(home, "data"), "XDG_CONFIG_HOME=" + filepath.Join(home, "config"),
		"DISPLAY=" + display, "WAYLAND_DISPLAY=", "NO_AT_BRIDGE=1", "GNOME_KEYRING_CONTROL=",
	}
	k.Bus = IsolatedBus(t, k.Env, append(services, "org.gnome.keyring.SystemPrompter", "org.gnome.keyring.PrivatePrompter")...)
	k.Env = append(k.Env, "DBUS_SESSION_BUS_ADDRESS="+k.Bus)
	k.conn = OnBus(t, k.Bus)
	k.Start()
	return k
}

// OnBus connects to a bus, until the test's end.
func OnBus(t *testing.T, address string) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Start starts the keyring's program, unlocked, and returns its process.
func (k *Keyring) Start() *os.Process {
	k.t.Helper()
	owned := OwnerChanges(k.t, k.conn, Secrets)
	cmd := exec.Command(need.Program(k.t, "gnome-keyring-daemon"), "--foreground", "--unlock", "--components=secrets")
	cmd.Env = append(os.Environ(), k.Env...)
	cmd.Stdin = strings.NewReader(KeyringPassword)
	runDaemon(k.t, nil, cmd)
	if Await(k.t, owned) == "" {
		k.t.Fatal("the keyring released its bus name at once")
	}
	return cmd.Process
}

// OwnerChanges sends each new owner of a bus name, "" for none.
func OwnerChanges(t *testing.T, conn *dbus.Conn, name string) <-chan string {
	t.Helper()
	match := []dbus.MatchOption{dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, name)}
	if err := conn.AddMatchSignal(match...); err != nil {
		t.Fatal(err)
	}
	signals, owners := make(chan *dbus.Signal, 16), make(chan string, 16)
	conn.Signal(signals)
	go func() { // ends with conn
		for s := range signals {
			if len(s.Body) == 3 && s.Body[0] == name {
				owners <- fmt.Sprint(s.Body[2])
			}
		}
	}()
	return owners
}

// Await waits for a value, and fails the test where none comes.
func Await[T any](t *testing.T, c <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-c:
	case <-time.After(Patience):
		t.Fatal("nothing was received")
	}
	return value
}

// Lock locks the keyring, as a desktop does when the person leaves.
func (k *Keyring) Lock() {
	k.t.Helper()
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := k.conn.Object(Secrets, "/org/freedesktop/secrets").
		Call("org.freedesktop.Secret.Service.Lock", 0, []dbus.ObjectPath{loginKeyring}).Store(&locked, &prompt)
	if err != nil || len(locked) != 1 {
		k.t.Fatalf("the keyring did not lock: %v %v", err, locked)
	}
}

// Unlock unlocks the keyring, as a login to the desktop does.
func (k *Keyring) Unlock() {
	k.t.Helper()
	service := k.conn.Object(Secrets, "/org/freedesktop/secrets")
	var ignored dbus.Variant
	var session dbus.ObjectPath
	if err := service.Call("org.freedesktop.Secret.Service.OpenSession", 0, "plain", dbus.MakeVariant("")).Store(&ignored, &session); err != nil {
		k.t.Fatal(err)
	}
	secret := struct {
		Session           dbus.ObjectPath
		Parameters, Value []byte
		ContentType       string
	}{session, []byte{}, []byte(KeyringPassword), "text/plain"}
	if err := service.Call("org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword", 0, loginKeyring, secret).Err; err != nil {
		k.t.Fatal(err)
	}
}

// runDaemon runs a program until the test's end, with file as its descriptor 3.
func runDaemon(t testing.TB, file *os.File, cmd *exec.Cmd) {
	t.Helper()
	if file != nil {
		cmd.ExtraFiles = []*os.File{file}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
}

// Use makes this process use the keyring, until the test's end.
func (k *Keyring) Use() {
	k.t.Helper()
	UseBus(k.t, k.Bus)
}

// UseBus makes this process use a session bus, until the test's end.
func UseBus(t *testing.T, address string) {
	t.Helper()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	t.Cleanup(func() { // the process's shared connection would outlive the bus
		if conn, err := dbus.SessionBus(); err == nil {
			_ = conn.Close()
		}
	})
}
