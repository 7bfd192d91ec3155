package testdesktop

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// SecretService is a Secret Service (freedesktop.org, 0.2) of the tests' own, which
// behaves as services are reported to that no test can have for itself. Its fields
// are set before Serve; its methods may be called concurrently.
type SecretService struct {
	Collections []dbus.ObjectPath // as the property says
	Default     dbus.ObjectPath   // the alias; "/" for none
	Locked      bool              // what collections say of themselves until Unlock
	ItemsLocked bool              // likewise entries
	Prompts     bool              // Unlock answers with a prompt, and opens nothing
	PromptOpens bool              // what the person answers where the prompt is performed
	Closed      dbus.ObjectPath   // a collection that is locked whatever is called, and finds nothing
	DeleteAsks  bool              // Delete answers with a prompt
	CreateAsks  bool              // likewise CreateItem, and nothing is stored

	conn *dbus.Conn
	mu   sync.Mutex
	// items are the entries by path.
	items map[dbus.ObjectPath]*storedItem
	// calls are the calls that matter, in order.
	calls []string
}

type storedItem struct {
	attributes map[string]string
	secret     []byte
}

// SetDefault makes another collection the default one.
func (s *SecretService) SetDefault(path dbus.ObjectPath) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Default = path
}

// Close locks one collection for good: as with KeePassXC, nothing is found in it.
func (s *SecretService) Close(path dbus.ObjectPath) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Closed = path
}

// LockEntries locks the entries, as a service that asks before each access does.
func (s *SecretService) LockEntries() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ItemsLocked, s.Prompts = true, true
}

// CollectionAt is the path of a collection.
func CollectionAt(name string) dbus.ObjectPath {
	return dbus.ObjectPath("/org/freedesktop/secrets/collection/" + name)
}

const promptPath = dbus.ObjectPath("/org/freedesktop/secrets/prompt/1")

// Serve serves on a bus of its own, whose address it returns, until the test's end.
func (s *SecretService) Serve(t *testing.T) string {
	t.Helper()
	bus := IsolatedBus(t, nil)
	s.conn, s.items = OnBus(t, bus), map[dbus.ObjectPath]*storedItem{}
	s.export(t, "/org/freedesktop/secrets", "org.freedesktop.Secret.Service", serviceFace{s})
	s.export(t, promptPath, "org.freedesktop.Secret.Prompt", promptFace{s})
	s.export(t, "/org/freedesktop/secrets/session/1", "org.freedesktop.Secret.Session", sessionFace{})
	for _, path := range s.Collections {
		s.export(t, path, "org.freedesktop.Secret.Collection", collectionFace{s, path})
	}
	if slices.Contains(s.Collections, s.Default) { // services have the default one by this path too
		s.export(t, "/org/freedesktop/secrets/aliases/default", "org.freedesktop.Secret.Collection", collectionFace{s, s.Default})
	}
	if r, err := s.conn.RequestName(Secrets, dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(r, err)
	}
	return bus
}

func (s *SecretService) export(t testing.TB, path dbus.ObjectPath, face string, v any) {
	if err := s.conn.Export(v, path, face); err != nil {
		t.Error(err)
	}
	if err := s.conn.Export(propertiesFace{s, path}, path, "org.freedesktop.DBus.Properties"); err != nil {
		t.Error(err)
	}
}

// Calls are Unlock, Prompt, Dismiss, CreateItem and SetSecret as they came.
func (s *SecretService) Calls() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.calls, " ")
}

func (s *SecretService) note(format string, args ...any) {
	s.calls = append(s.calls, fmt.Sprintf(format, args...))
}

type serviceFace struct{ s *SecretService }

func (f serviceFace) OpenSession(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	return dbus.MakeVariant(""), "/org/freedesktop/secrets/session/1", nil
}

func (f serviceFace) ReadAlias(string) (dbus.ObjectPath, *dbus.Error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.s.Default == "" {
		return "/", nil
	}
	return f.s.Default, nil
}

func (f serviceFace) Unlock(paths []dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.note("Unlock")
	if f.s.Prompts {
		return nil, promptPath, nil
	}
	f.s.Locked, f.s.ItemsLocked = false, false
	return paths, "/", nil
}

type promptFace struct{ s *SecretService }

func (f promptFace) Prompt(string) *dbus.Error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.note("Prompt")
	if f.s.PromptOpens {
		f.s.Locked, f.s.ItemsLocked = false, false
	}
	_ = f.s.conn.Emit(promptPath, "org.freedesktop.Secret.Prompt.Completed", !f.s.PromptOpens, dbus.MakeVariant([]dbus.ObjectPath{}))
	return nil
}

func (f promptFace) Dismiss() *dbus.Error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.note("Dismiss")
	return nil
}

type sessionFace struct{}

func (sessionFace) Close() *dbus.Error { return nil }

// passedSecret is the structure Secret of the specification.
type passedSecret struct {
	Session           dbus.ObjectPath
	Parameters, Value []byte
	ContentType       string
}

type collectionFace struct {
	s    *SecretService
	path dbus.ObjectPath
}

func (f collectionFace) SearchItems(wanted map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	var found []dbus.ObjectPath
	for path, item := range f.s.items {
		if f.path != f.s.Closed && maps.Equal(item.attributes, wanted) && strings.HasPrefix(string(path), string(f.path)+"/") {
			found = append(found, path)
		}
	}
	return found, nil
}

func (f collectionFace) CreateItem(properties map[string]dbus.Variant, secret passedSecret, _ bool) (dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.note("CreateItem:%s", f.path[strings.LastIndexByte(string(f.path), '/')+1:])
	if f.s.Locked {
		return "/", "/", dbus.NewError("org.freedesktop.Secret.Error.IsLocked", nil)
	}
	if f.s.CreateAsks {
		return "/", promptPath, nil
	}
	attributes := map[string]string{}
	if err := properties["org.freedesktop.Secret.Item.Attributes"].Store(&attributes); err != nil {
		return "/", "/", dbus.MakeFailedError(err)
	}
	item := &storedItem{attributes, slices.Clone(secret.Value)}
	path := f.path + "/1" // one secret is all that is stored in these tests
	f.s.items[path] = item
	if err := f.s.conn.Export(itemFace{f.s, item, path}, path, "org.freedesktop.Secret.Item"); err != nil {
		return "/", "/", dbus.MakeFailedError(err)
	}
	if err := f.s.conn.Export(propertiesFace{f.s, path}, path, "org.freedesktop.DBus.Properties"); err != nil {
		return "/", "/", dbus.MakeFailedError(err)
	}
	return path, "/", nil
}

type itemFace struct {
	s    *SecretService
	item *storedItem
	path dbus.ObjectPath
}

// Delete deletes the entry, or answers with a prompt that nothing follows.
func (f itemFace) Delete() (dbus.ObjectPath, *dbus.Error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.s.DeleteAsks {
		return promptPath, nil
	}
	delete(f.s.items, f.path)
	return "/", nil
}

func (f itemFace) GetSecret(session dbus.ObjectPath) (passedSecret, *dbus.Error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if f.s.Locked || f.s.ItemsLocked {
		return passedSecret{Session: "/"}, dbus.NewError("org.freedesktop.Secret.Error.IsLocked", nil)
	}
	return passedSecret{session, []byte{}, f.item.secret, "text/plain"}, nil
}

func (f itemFace) SetSecret(secret passedSecret) *dbus.Error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.note("SetSecret")
	if f.s.Locked || f.s.ItemsLocked {
		return dbus.NewError("org.freedesktop.Secret.Error.IsLocked", nil)
	}
	f.item.secret = slices.Clone(secret.Value)
	return nil
}

type propertiesFace struct {
	s    *SecretService
	path dbus.ObjectPath
}

// Get is a method of org.freedesktop.DBus.Properties.
func (f propertiesFace) Get(face, name string) (dbus.Variant, *dbus.Error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	switch face + "." + name {
	case "org.freedesktop.Secret.Service.Collections":
		return dbus.MakeVariant(f.s.Collections), nil
	case "org.freedesktop.Secret.Collection.Locked":
		return dbus.MakeVariant(f.s.Locked || f.path == f.s.Closed), nil
	case "org.freedesktop.Secret.Item.Locked":
		return dbus.MakeVariant(f.s.ItemsLocked), nil
	}
	return dbus.Variant{}, dbus.NewError("org.freedesktop.DBus.Error.UnknownProperty", []any{name})
}
