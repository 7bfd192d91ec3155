package filewatch

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// mostLinks is how many links lead on from one another, as systems bound them.
const mostLinks = 40

// mostRounds is how often folders are looked at that come and go meanwhile, and pause after
// how long they are then looked at again.
const (
	mostRounds = 100
	pause      = time.Second
)

// Follow calls changed once the files are watched, and after each change of one of them or
// of what leads to it, until ctx ends: a file that is written, replaced, removed or given
// to others, and a folder that comes, goes or is exchanged for another. Nothing is made:
// while a folder is missing, the nearest one above it is watched. It calls changed also
// where nothing has changed after all, and does not see what another computer changes on the
// network, nor that a folder further above is moved away.
func Follow(ctx context.Context, files []string, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer w.Close()
	files = slices.Clone(files)
	for i := range files {
		if files[i], err = filepath.Abs(files[i]); err != nil {
			return err
		}
	}
	watched := map[string]bool{}
	for ctx.Err() == nil {
		complete, err := follow(w, files, watched)
		if err != nil {
			return err
		}
		changed()
		var retry <-chan time.Time // never
		if !complete {
			retry = time.After(pause)
		}
		for relevant := false; !relevant; {
			select {
			case e := <-w.Events:
				relevant = leadsTo(e.Name, files, watched)
			case <-w.Errors: // some may have been lost
				relevant = true
			case <-retry:
				relevant = true
			case <-ctx.Done():
				return nil
			}
		}
	}
	return nil
}

// watcher is what follow needs of fsnotify.Watcher.
type watcher interface {
	Add(folder string) error
	Remove(folder string) error
	WatchList() []string
}

// follow watches what the files need, and nothing else. A folder that came while it looked
// is looked at again; where that does not end it is not complete. A folder that has been
// watched here is not asked for again, whatever the watcher lists: of a folder that stands
// in two places it lists one.
func follow(w watcher, files []string, watched map[string]bool) (complete bool, err error) {
	added := map[string]bool{}
	for range mostRounds {
		wanted := folders(files)
		for folder := range watched {
			if !wanted[folder] {
				_ = w.Remove(folder) // which it may be already
				delete(watched, folder)
				clear(added) // one of them may be the same folder, watched no longer
			}
		}
		news := false
		for folder := range wanted {
			if added[folder] || watched[folder] && slices.Contains(w.WatchList(), folder) {
				continue
			}
			news = true
			if err := w.Add(folder); err != nil {
				if _, gone := os.Stat(folder); gone != nil {
					continue // another is the nearest now
				}
				return false, err
			}
			watched[folder], added[folder] = true, true
		}
		if !news {
			return true, nil
		}
	}
	return false, nil
}

// folders are those in which a change may make a file another: the nearest one that is
// there, and that of each link on the way. None is reached through a link; one that is mounted
// in two places stands here twice all the same.
func folders(files []string) map[string]bool {
	wanted := map[string]bool{}
	for _, file := range files {
		for range mostLinks {
			link, next := firstLink(file)
			if link == "" {
				want(wanted, nearest(filepath.Dir(file)))
				break
			}
			want(wanted, filepath.Dir(link))
			file = next
		}
	}
	return wanted
}

// want adds a folder; on Windows also the one above it, as a watched folder does not tell there
// that it is itself renamed (ReadDirectoryChangesW).
func want(wanted map[string]bool, folder string) {
	wanted[folder] = true
	if runtime.GOOS == "windows" {
		wanted[filepath.Dir(folder)] = true
	}
}

// nearest is the folder, or the nearest one above it that is there.
func nearest(folder string) string {
	for {
		if info, err := os.Stat(folder); err == nil && info.IsDir() || filepath.Dir(folder) == folder {
			return folder
		}
		folder = filepath.Dir(folder)
	}
}

// firstLink is the first link on the way to a path, and the path without it.
func firstLink(path string) (link, without string) {
	volume := filepath.VolumeName(path)
	at := volume + string(filepath.Separator)
	rest := path[min(len(at), len(path)):]
	for rest != "" {
		name, after, _ := strings.Cut(rest, string(filepath.Separator))
		here := filepath.Join(at, name)
		if target, err := os.Readlink(here); err == nil {
			if !filepath.IsAbs(target) {
				target = filepath.Join(at, target)
			}
			return here, filepath.Join(target, after)
		}
		at, rest = here, after
	}
	return "", ""
}

// leadsTo reports whether what changed is a file, on the way to one, or a folder that is
// watched.
func leadsTo(changed string, files []string, watched map[string]bool) bool {
	if watched[changed] {
		return true
	}
	for _, name := range names(changed, watched) {
		for _, file := range files {
			if passes(file, name) {
				return true
			}
		}
	}
	return false
}

// names are those that the files may have for what changed: a folder that is mounted in two
// places is notified of under one name alone.
func names(changed string, watched map[string]bool) []string {
	list := []string{changed}
	folder := filepath.Dir(changed)
	here, err := os.Stat(folder)
	if err != nil {
		return list
	}
	for other := range watched {
		if other == folder {
			continue
		}
		if there, err := os.Stat(other); err == nil && os.SameFile(here, there) {
			list = append(list, filepath.Join(other, filepath.Base(changed)))
		}
	}
	return list
}

// passes reports whether what changed is the file, or on the way to it.
func passes(file, changed string) bool {
	for range mostLinks {
		if onTheWay(changed, file) {
			return true
		}
		link, next := firstLink(file)
		if link == "" {
			return false
		}
		file = next
	}
	return false
}

func onTheWay(changed, file string) bool {
	for {
		if file == changed {
			return true
		}
		above := filepath.Dir(file)
		if above == file {
			return false
		}
		file = above
	}
}
