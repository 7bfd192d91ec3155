package events

import (
	"errors"
	"testing"

	"golang.org/x/sys/windows/registry"
)

// registered registers the source until the test ends, as the package does.
func registered(t *testing.T) {
	t.Helper()
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, registration, registry.ALL_ACCESS)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	t.Cleanup(func() {
		if err := registry.DeleteKey(registry.LOCAL_MACHINE, registration); err != nil {
			t.Error(err)
		}
	})
	if err := key.SetExpandStringValue("EventMessageFile", `%SystemRoot%\System32\EventCreate.exe`); err != nil {
		t.Fatal(err)
	}
}

// TestReached: the source is known only where its file of messages is named.
func TestReached(t *testing.T) {
	if err := Reached(); !errors.Is(err, ErrUnregistered) {
		t.Errorf("not registered: %v", err)
	}
	registered(t)
	if err := Reached(); err != nil {
		t.Error(err)
	}
}

// TestReported: each kind is taken by the system, registered or not. What it makes of
// them TestWindows reads from outside.
func TestReported(t *testing.T) {
	for _, k := range Kinds {
		if err := send(Event{k, []Fact{{"reason", "host"}, {"more", "7"}}}, "fr"); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
}
