package programname

import (
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/internal/owners"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

// ending of the files of entries.
const suffix = ".desktop"

// What is read at most: of a folder, and of one entry. A browser's with the texts of all
// its languages has 10 to 40 KiB.
const (
	maxFiles = 4000
	maxEntry = 256 << 10
)

// system is where a machine has its entries and programs.
type system struct {
	folders []string // of entries that administrators install; never XDG_DATA_DIRS, which a person sets
	search  []string // of programs without a path in Exec; never PATH
	flatpak string   // the machine's installation, not a person's
	snaps   []string
	check   func(path string) error // fails where others than root may change the file
	open    func(folder string) (*os.File, error)
}

var installed = finder{system: system{
	folders: []string{
		"/usr/local/share/applications", "/usr/share/applications", "/var/lib/snapd/desktop/applications",
		"/var/lib/flatpak/exports/share/applications", "/run/current-system/sw/share/applications",
	},
	search:  []string{"/usr/local/bin", "/usr/bin", "/bin", "/snap/bin", "/var/lib/snapd/snap/bin", "/run/current-system/sw/bin"},
	flatpak: "/var/lib/flatpak",
	snaps:   []string{"/snap", "/var/lib/snapd/snap"},
	check:   func(path string) error { return owners.Check(path, owners.Root) },
	open:    os.Open,
}}

// Of names programs, until ctx ends; those without a name by then have none.
func Of(ctx context.Context, files []File) Programs { return installed.of(ctx, files) }

// finder names programs, and remembers the entries.
type finder struct {
	system
	mu      sync.Mutex
	reading *reading // that goes on; nil: none

	// For the reading alone.
	entries []entry
	stamps  []stamp
	read    time.Time
}

// reading is one reading of the entries, for all who ask meanwhile: a folder of a server that
// does not answer holds up one goroutine, and nobody for longer than they want to wait.
type reading struct {
	ended   chan struct{}
	entries []entry
}

func (d *finder) of(ctx context.Context, files []File) Programs {
	list := Unnamed(files)
	for i, f := range files {
		path, here := f.here()
		list[i].Elsewhere = f.known && !here
		if ctx.Err() != nil {
			continue
		}
		if e, ok := d.best(d.browsers(ctx), f, path); ok {
			list[i].names, list[i].Elsewhere = e.names, false
		}
	}
	return list
}

// best is the entry by which people know a program: one that starts the very file before
// one whose script does, what the menu shows before what it hides, then the shorter name.
// path is "" for what is not here.
func (d *finder) best(entries []entry, f File, path string) (best entry, ok bool) {
	trusted := path != "" && d.systems(f, path)
	found := 0
	for _, e := range entries {
		kind := 0
		switch {
		case e.flatpak != "":
			kind = d.ofFlatpak(e, f)
		case trusted:
			kind = d.starts(e, path)
		}
		if kind == 0 || d.check(e.file) != nil {
			continue
		}
		if !ok || before(kind, e, found, best) {
			best, found, ok = e, kind, true
		}
	}
	return best, ok
}

func before(kind int, e entry, other int, than entry) bool {
	order := cmp.Or(cmp.Compare(kind, other), compareHidden(e, than),
		cmp.Compare(len(e.names.english), len(than.names.english)), cmp.Compare(e.id, than.id))
	return order < 0
}

func compareHidden(a, b entry) int {
	switch {
	case a.hidden == b.hidden:
		return 0
	case a.hidden:
		return 1
	}
	return -1
}

// systems reports whether administrators alone may change the file at path.
func (d *finder) systems(f File, path string) bool {
	if f.links == 0 { // removed: nothing is there any more, or something else
		return f.rooted && d.check(filepath.Dir(path)) == nil
	}
	return d.check(path) == nil
}

// How an entry starts a program, the best first.
const (
	exactly = 1 + iota
	byScript
)

// shared are folders of many programs, wherever they lie: none belongs to another in it.
var shared = []string{"bin", "sbin", "games", "libexec", "lib", "lib64", "opt", "/"}

// starts says how an entry starts the file at path, 0 where it does not.
func (d *finder) starts(e entry, path string) int {
	program := d.program(e.program)
	target, err := filepath.EvalSymlinks(program)
	if program == "" || err != nil {
		return 0
	}
	for _, snaps := range d.snaps {
		if filepath.Dir(program) == filepath.Join(snaps, "bin") { // all lead to snapd's own program
			name, _, _ := strings.Cut(filepath.Base(program), ".")
			if strings.HasPrefix(path, filepath.Join(snaps, name)+"/") {
				return byScript
			}
			return 0
		}
	}
	folder := filepath.Dir(path)
	switch {
	case target == path:
		return exactly
	case slices.Contains(shared, filepath.Base(folder)), !script(target), d.check(target) != nil:
		return 0
	// /opt/google/chrome/google-chrome starts chrome beside it, /usr/bin/chromium
	// /usr/lib/chromium/chromium.
	case filepath.Dir(target) == folder, filepath.Base(folder) == filepath.Base(program), filepath.Base(folder) == filepath.Base(target):
		return byScript
	}
	return 0
}

// program is the path of what Exec names.
func (d *finder) program(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	if name == "" || strings.Contains(name, "/") {
		return ""
	}
	for _, folder := range d.search {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// script reports a file that an interpreter runs.
func script(path string) bool {
	f, err := plainfile.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var begin [2]byte
	_, err = io.ReadFull(f, begin[:])
	return err == nil && string(begin[:]) == "#!"
}

// ofFlatpak compares the file with the one of the machine's own installation: such a
// process sees it below /app (flatpak-metadata(5)), and what it says of itself, as in
// /.flatpak-info, anybody can say. The application's own entry has its ID as name.
func (d *finder) ofFlatpak(e entry, f File) int {
	inside, ok := strings.CutPrefix(f.Path, "/app/")
	if !ok || e.flatpak != e.id || e.flatpak != filepath.Base(e.flatpak) || !filepath.IsLocal(inside) {
		return 0
	}
	path := filepath.Join(d.flatpak, "app", e.flatpak, "current", "active", "files", inside)
	if !f.same(path) || d.check(path) != nil {
		return 0
	}
	return exactly
}

// maxAge is for how long entries are remembered: a file that is written in its place
// changes nothing of its folder.
const maxAge = 10 * time.Minute

// browsers are the entries of browsers, as they are now; none where ctx ends before they
// are known.
func (d *finder) browsers(ctx context.Context) []entry {
	d.mu.Lock()
	r := d.reading
	if r == nil {
		r = &reading{ended: make(chan struct{})}
		d.reading = r
		go d.refresh(r)
	}
	d.mu.Unlock()
	select {
	case <-r.ended:
		return r.entries
	case <-ctx.Done():
		return nil
	}
}

// refresh makes a reading. It ends no sooner than all has been read: who asks next wants it.
func (d *finder) refresh(r *reading) {
	r.entries = d.current()
	d.mu.Lock()
	d.reading = nil
	d.mu.Unlock()
	close(r.ended)
}

// current reads the entries where something has changed.
func (d *finder) current() []entry {
	files := slices.Clone(d.folders)
	for _, e := range d.entries {
		files = append(files, e.file)
	}
	age := time.Since(d.read)
	if d.stamps != nil && age >= 0 && age < maxAge && slices.Equal(stampsOf(files), d.stamps) {
		return d.entries
	}
	stamps := stampsOf(d.folders) // before they are read
	d.entries, d.stamps, d.read = nil, nil, time.Now()
	for _, folder := range d.folders {
		d.entries = append(d.entries, d.entriesIn(folder)...)
	}
	for _, e := range d.entries {
		stamps = append(stamps, stampsOf([]string{e.file})...)
	}
	d.stamps = stamps
	return d.entries
}

// stamp changes when a file or folder does.
type stamp struct {
	modified    int64
	size, inode uint64
}

func stampsOf(paths []string) []stamp {
	list := make([]stamp, len(paths))
	for i, path := range paths {
		var s unix.Stat_t
		if unix.Stat(path, &s) == nil {
			list[i] = stamp{s.Mtim.Nano(), uint64(s.Size), s.Ino}
		}
	}
	return list
}

// entriesIn are the browsers' of one folder.
func (d *finder) entriesIn(folder string) (list []entry) {
	f, err := d.open(folder)
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(maxFiles)
	slices.Sort(names)
	for _, name := range names {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		path := filepath.Join(folder, name)
		content, err := readEntry(path)
		if err != nil || !strings.Contains(string(content), "WebBrowser") {
			continue
		}
		if e, ok := browser(path, content); ok {
			list = append(list, e)
		}
	}
	return list
}

// readEntry reads no more than an entry may have.
func readEntry(path string) ([]byte, error) {
	f, err := plainfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxEntry+1))
	if err == nil && len(content) > maxEntry {
		err = errEntry
	}
	return content, err
}
