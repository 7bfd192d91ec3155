package pcsc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ebitengine/purego"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vreader"
)

// all is the event of readers of which the given ones hold a card.
func all(names []string, full ...int) string {
	var line []string
	for i, name := range names {
		in := false
		for _, f := range full {
			in = in || f == i
		}
		line = append(line, fmt.Sprintf("%s:%v", name, in))
	}
	return strings.Join(line, " ")
}

// until takes events until the wanted one: several changes may come one by one.
func until(t *testing.T, events <-chan string, want string) {
	t.Helper()
	last := "none yet"
	limit := time.After(20 * time.Second)
	for last != want {
		select {
		case last = <-events:
		case <-limit:
			t.Fatalf("last event %q, want %q", last, want)
		}
	}
}

// TestSixteenReaders: with as many readers as pcsc-lite knows, one wait has no room for
// the notification of readers beside them.
func TestSixteenReaders(t *testing.T) {
	d := newStation(t, virtual.StationOptions{Reader: "R0"})
	names := []string{"R0"}
	plugged := map[string]*vreader.Reader{}
	for i := 1; i < 16; i++ {
		name := fmt.Sprintf("R%d", i)
		r, err := d.Service().Plug(name, vreader.ReaderOptions{})
		if err != nil {
			t.Fatal(err)
		}
		names, plugged[name] = append(names, name), r
	}
	events := watch(t)
	expect(t, events, all(names))
	for _, i := range []int{15, 1, 8, 9} {
		r := plugged[names[i]]
		card := newCard(t)
		r.Insert(card)
		expect(t, events, all(names, i))
		if state, err := State(names[i]); err != nil || !state.Present {
			t.Errorf("reader %d: %+v, %v", i, state, err)
		}
		verifyPIN(t, r, card)
		if err := ResetCard(names[i]); err != nil || card.PIN().Verified() {
			t.Errorf("reader %d: %v, open %v", i, err, card.PIN().Verified())
		}
		r.Remove()
		expect(t, events, all(names))
	}
	plugged["R15"].Unplug()
	expect(t, events, all(names[:15]))
	if list, err := Readers(t.Context()); err != nil || len(list) != 15 {
		t.Errorf("%d readers, %v", len(list), err)
	}
	if _, err := d.Service().Plug("R15", vreader.ReaderOptions{}); err != nil {
		t.Fatal(err)
	}
	expect(t, events, all(names))
	idle(t, d.Service().Requests)
	d.Put(newCard(t))
	expect(t, events, all(names, 0))
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "away")
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "restarted R0:true")
}

// idle waits until nothing is asked any more.
func idle(t *testing.T, requests func() int64) {
	t.Helper()
	limit := time.Now().Add(20 * time.Second)
	for last := requests(); ; {
		time.Sleep(1500 * time.Millisecond) // what is tested is that nothing happens
		now := requests()
		if now == last {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%d requests in 1.5 s without an event", now-last)
		}
		last = now // the waits that have begun are compared with what there is, for a few seconds
	}
}

// TestManyReaders has twenty readers behind a stand-in for the service's library, in a
// process of its own that loads it by its name; once it takes 16 entries a wait, and
// once ten.
func TestManyReaders(t *testing.T) {
	if os.Getenv("FAKE_ENTRIES") != "" {
		manyReaders(t)
		return
	}
	dir := t.TempDir()
	library := filepath.Join(dir, "libpcsclite.so.1")
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-pthread", "-o", library, "testdata/manyreaders.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, entries := range []string{"16", "10"} {
		t.Run(entries, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestManyReaders$", "-test.v")
			cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+dir, "FAKE_ENTRIES="+entries)
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestManyReaders") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func manyReaders(t *testing.T) {
	handle, err := purego.Dlopen(libraryName, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		t.Fatal(err)
	}
	var set func(reader, to int32)
	var calls func() int64
	var resets func(reader int32) int32
	purego.RegisterLibFunc(&set, handle, "Fake_Set")
	purego.RegisterLibFunc(&calls, handle, "Fake_Calls")
	purego.RegisterLibFunc(&resets, handle, "Fake_Resets")
	const unplugged, empty, full = 0, 1, 2
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("Reader %d", i))
		set(int32(i), empty)
	}
	events := watch(t)
	expect(t, events, all(names))
	for _, i := range []int{19, 0, 8, 9, 15, 16} {
		set(int32(i), full)
		expect(t, events, all(names, i))
		if err := ResetCard(names[i]); err != nil || resets(int32(i)) != 1 {
			t.Errorf("reader %d: %v", i, err)
		}
		set(int32(i), empty)
		expect(t, events, all(names))
	}
	set(19, full)
	set(3, full)
	until(t, events, all(names, 3, 19))
	set(19, unplugged)
	expect(t, events, all(names[:19], 3))
	set(20, empty)
	until(t, events, all(append(append([]string(nil), names[:19]...), "Reader 20"), 3))
	if list, err := Readers(t.Context()); err != nil || len(list) != 20 {
		t.Errorf("%d readers, %v", len(list), err)
	}
	idle(t, calls)
	set(20, full)
	until(t, events, all(append(append([]string(nil), names[:19]...), "Reader 20"), 3, 19))
	for i := range 21 {
		set(int32(i), unplugged)
	}
	until(t, events, "")
	set(5, full)
	until(t, events, "Reader 5:true")
}
