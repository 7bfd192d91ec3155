package doctor

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"reflect"
	"slices"
	"testing"

	winregistry "golang.org/x/sys/windows/registry"
)

// TestMachineRegistry: values of each type that terminal servers use, and keys below, are
// read; a key that is not there is said to be missing.
func TestMachineRegistry(t *testing.T) {
	const path = `SOFTWARE\CPxBridgeTest`
	if _, _, err := (machineRegistry{}).key(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a key that is not there: %v", err)
	}
	k, _, err := winregistry.CreateKey(winregistry.LOCAL_MACHINE, path, winregistry.ALL_ACCESS|winregistry.WOW64_64KEY)
	if err != nil {
		t.Fatal(err)
	}
	below, _, err := winregistry.CreateKey(k, "Below", winregistry.ALL_ACCESS)
	if err := errors.Join(err, k.SetDWordValue("number", 1), k.SetStringValue("text", "chrome.exe"), k.SetStringsValue("list", []string{"a", "b"})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := errors.Join(below.Close(), winregistry.DeleteKey(k, "Below"), k.Close(), winregistry.DeleteKey(winregistry.LOCAL_MACHINE, path))
		if err != nil {
			t.Error(err)
		}
	})
	values, keys, err := (machineRegistry{}).key(path)
	want := map[string]any{"number": uint64(1), "text": "chrome.exe", "list": []string{"a", "b"}}
	if err != nil || !reflect.DeepEqual(values, want) || !slices.Equal(keys, []string{"Below"}) {
		t.Errorf("%v %v %v", values, keys, err)
	}
}

// TestSocketsOnWindows: who listens on a port is found by process, on both families, and
// nobody where nobody does.
func TestSocketsOnWindows(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		port := listener.Addr().(*net.TCPAddr).Port
		found, err := Sockets([]int{port})
		if err != nil || len(found) != 1 || found[0].PID != os.Getpid() || found[0].Port != port {
			t.Errorf("%s: %+v %v", host, found, err)
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		if found, err := Sockets([]int{port}); err != nil || len(found) != 0 {
			t.Errorf("%s, closed: %+v %v", host, found, err)
		}
	}
}

// TestServiceAndSession: the service for cards has a state that doctor knows, and this
// session is no remote one.
func TestServiceAndSession(t *testing.T) {
	state, err := pcscService()
	if err != nil || !slices.Contains([]Service{ServiceMissing, ServiceRuns, ServiceStopped, ServiceDisabled}, state) {
		t.Errorf("%q %v", state, err)
	}
	if remote() {
		t.Error("the session is said to be shown on another computer")
	}
}
