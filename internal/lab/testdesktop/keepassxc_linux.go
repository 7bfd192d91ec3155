package testdesktop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// KeePassXCOptions say how KeePassXC serves.
type KeePassXCOptions struct {
	Exposed bool // a group of the database is exposed to other programs
	Locked  bool // the person has not typed its password
	Confirm bool // each access to an entry must be confirmed, as it comes
}

// KeePassXC is Debian's own, with a database that it was started with the password
// of, on a bus of its own.
type KeePassXC struct {
	Bus string
	Env []string // for programs that use it
}

const keePassXCGroup = "d1f3b8a0-1111-4222-8333-444455556666"

// NewKeePassXC starts it and waits until it serves.
func NewKeePassXC(t *testing.T, o KeePassXCOptions) KeePassXC {
	t.Helper()
	home, err := os.MkdirTemp("", "cpxk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	k := KeePassXC{Bus: IsolatedBus(t, nil)}
	k.Env = []string{
		"HOME=" + home, "XDG_RUNTIME_DIR=" + home, "XDG_CONFIG_HOME=" + home, "XDG_CACHE_HOME=" + home, "XDG_DATA_HOME=" + home, "TMPDIR=" + home,
		"DBUS_SESSION_BUS_ADDRESS=" + k.Bus,
	}
	write := func(name, text string) string {
		path := filepath.Join(home, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	exposed := ""
	if o.Exposed {
		exposed = "<CustomData><Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{" + keePassXCGroup + "}</Value></Item></CustomData>"
	}
	// The group's UUID once more, in base 64.
	content := write("db.xml", `<?xml version="1.0" encoding="utf-8"?><KeePassFile><Meta><DatabaseName>TEST</DatabaseName>`+exposed+
		`</Meta><Root><Group><UUID>0fO4oBERQiKDM0REVVVmZg==</UUID><Name>TEST</Name></Group></Root></KeePassFile>`)
	database := filepath.Join(home, "test.kdbx")
	tool := exec.Command(need.Program(t, "keepassxc-cli"), "import", "--decryption-time", "100", "-p", content, database)
	tool.Env, tool.Stdin = append(os.Environ(), k.Env...), strings.NewReader(KeyringPassword+"\n"+KeyringPassword+"\n")
	if out, err := tool.CombinedOutput(); err != nil {
		t.Fatalf("keepassxc-cli: %v\n%s", err, out)
	}
	config := write("keepassxc.ini", fmt.Sprintf("[General]\nUpdateCheckMessageShown=true\n[GUI]\nCheckForUpdates=false\n"+
		"[FdoSecrets]\nEnabled=true\nShowNotification=false\nConfirmAccessItem=%t\nConfirmDeleteItem=%t\n", o.Confirm, o.Confirm))
	conn := OnBus(t, k.Bus)
	owned, changes := OwnerChanges(t, conn, Secrets), collectionChanges(t, conn)
	cmd := exec.Command(need.Program(t, "keepassxc"), "--config", config, "--localconfig", filepath.Join(home, "local.ini"), database)
	if !o.Locked {
		cmd.Args, cmd.Stdin = append(cmd.Args, "--pw-stdin"), strings.NewReader(KeyringPassword+"\n")
	}
	cmd.Env = append(os.Environ(), append(k.Env, "QT_QPA_PLATFORM=offscreen", "DISPLAY=", "WAYLAND_DISPLAY=")...)
	runDaemon(t, nil, cmd)
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // before the wait for its end: a question on its screen holds it up
	if Await(t, owned) == "" {
		t.Fatal("KeePassXC released its bus name at once")
	}
	if !o.Exposed && !o.Locked {
		for Await(t, changes) != "CollectionDeleted" {
		}
		return k
	}
	for !ready(t, conn, o) {
		Await(t, changes)
	}
	return k
}

// ready reports whether the database is as the options say: it is there and locked
// until the password was read, and gone after that where no group of it is exposed.
func ready(t *testing.T, conn *dbus.Conn, o KeePassXCOptions) bool {
	t.Helper()
	get := func(path dbus.ObjectPath, face, name string) (v dbus.Variant) {
		_ = conn.Object(Secrets, path).Call("org.freedesktop.DBus.Properties.Get", 0, face, name).Store(&v) // an object may just go
		return v
	}
	list, _ := get("/org/freedesktop/secrets", "org.freedesktop.Secret.Service", "Collections").Value().([]dbus.ObjectPath)
	if len(list) == 0 {
		return false
	}
	locked, is := get(list[0], "org.freedesktop.Secret.Collection", "Locked").Value().(bool)
	return is && locked == o.Locked
}

// collectionChanges gets the member of each signal about collections.
func collectionChanges(t *testing.T, conn *dbus.Conn) <-chan string {
	t.Helper()
	if err := conn.AddMatchSignal(dbus.WithMatchInterface("org.freedesktop.Secret.Service")); err != nil {
		t.Fatal(err)
	}
	signals, changes := make(chan *dbus.Signal, 16), make(chan string, 16)
	conn.Signal(signals)
	go func() { // ends with conn
		for s := range signals {
			if name, is := strings.CutPrefix(s.Name, "org.freedesktop.Secret.Service."); is {
				changes <- name
			}
		}
	}()
	return changes
}
