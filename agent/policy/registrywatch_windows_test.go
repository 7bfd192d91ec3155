package policy

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/windows/registry"
)

// TestRealRegistryWatched: a key that comes, its values and those of keys below it, keys that
// go, the whole key gone and come again, each is taken when Windows reports it.
func TestRealRegistryWatched(t *testing.T) {
	remove(t)
	t.Cleanup(func() { remove(t) })
	w := watch(t, machinesOwn(), time.Hour)
	level := func(level string) func(*Effective) bool {
		return func(e *Effective) bool { return e.Log.Level == level }
	}
	set := func(path, name, value string) {
		t.Helper()
		key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, PolicyKey+`\`+path, registry.SET_VALUE)
		if err != nil {
			t.Fatal(err)
		}
		defer key.Close()
		if err := key.SetStringValue(name, value); err != nil {
			t.Fatal(err)
		}
	}
	drop := func(path string) {
		t.Helper()
		if err := registry.DeleteKey(registry.LOCAL_MACHINE, PolicyKey+`\`+path); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		set("log", "level", "warn")
		w.until("a key that came", level("warn"))
		set("log", "level", "debug")
		w.until("another value", level("debug"))
		set(`origins\allow`, "1", "https://a.fr")
		w.until("a list", func(e *Effective) bool { return e.Decide("https://a.fr") == Allowed })
		set(`origins\allow`, "2", "https://b.fr/x")
		w.untilRefused(`origins\allow\2: `)
		set(`origins\allow`, "2", "https://b.fr")
		w.until("a mended value", func(e *Effective) bool { return e.Decide("https://b.fr") == Allowed })
		w.untilRefused("")
		drop(`origins\allow`)
		w.until("a key that went", func(e *Effective) bool { return e.Decide("https://a.fr") == Ask })
		remove(t)
		w.until("no policy any more", func(e *Effective) bool { return !e.Managed() && e.Log.Level == "info" })
	}
}

// TestWatchEnds: a watch that waits ends with its context, whether the key is there or not.
func TestWatchEnds(t *testing.T) {
	remove(t)
	t.Cleanup(func() { remove(t) })
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		begun, ended := make(chan struct{}, 10), make(chan error, 1)
		go func() {
			ended <- watchKey(ctx, registry.LOCAL_MACHINE, PolicyKey, func() { begun <- struct{}{} })
		}()
		<-begun
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		realKey(t, "")
	}
	if err := watchKey(t.Context(), registry.LOCAL_MACHINE, `NOWHERE\AT\ALL`, func() {}); err == nil {
		t.Error("a root that is not there is watched")
	}
}

// TestPersonsFileWatched: the person's own file, which is a file here too.
func TestPersonsFileWatched(t *testing.T) {
	paths := machinesOwn()
	dir, err := os.MkdirTemp("", "watched")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // the watch's own handle may still be closing
	paths.User = filepath.Join(dir, "CPxBridge", "config.toml")
	w := watch(t, paths, time.Hour)
	w.write(paths.User, "lang = \"en\"\n")
	w.until("a file that came", func(e *Effective) bool { return e.Lang == "en" })
	w.write(paths.User, "lang = \"fr\"\n")
	w.until("another", func(e *Effective) bool { return e.Lang == "fr" })
	if err := os.Remove(paths.User); err != nil {
		t.Fatal(err)
	}
	w.until("none", func(e *Effective) bool { return e.Lang == "" })
}
