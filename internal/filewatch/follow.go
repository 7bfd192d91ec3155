package filewatch

import (
	"context"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// mostLinks is how many links lead on from one another, as systems bound them.
const mostLinks = 40

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
	watched := map[string]bool{}
	for {
		if err := follow(w, files, watched); err != nil {
			return err
		}
		changed()
		for relevant := false; !relevant; {
			select {
			case e := <-w.Events:
				relevant = leadsTo(e.Name, files, watched)
			case <-w.Errors: // some may have been lost
				relevant = true
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// follow watches what the files need, and nothing else. A folder that came while it looked
// is looked at again.
func follow(w *fsnotify.Watcher, files []string, watched map[string]bool) error {
	for {
		wanted := folders(files)
		news := false
		for folder := range wanted {
			if watched[folder] && contains(w.WatchList(), folder) {
				continue
			}
			if err := w.Add(folder); err != nil {
				if _, gone := os.Stat(folder); gone != nil {
					news = true // another is the nearest now
					continue
				}
				return err
			}
			watched[folder], news = true, true
		}
		for folder := range watched {
			if !wanted[folder] {
				_ = w.Remove(folder) // which it may be already
				delete(watched, folder)
			}
		}
		if !news {
			return nil
		}
	}
}

func contains(list []string, path string) bool {
	for _, x := range list {
		if x == path {
			return true
		}
	}
	return false
}

// folders are those in which a change may make a file another: the nearest one that is
// there, and that of each link on the way. None is reached through a link: the system knows
// each folder under one name.
func folders(files []string) map[string]bool {
	wanted := map[string]bool{}
	for _, file := range files {
		for range mostLinks {
			link, next := firstLink(file)
			if link == "" {
				wanted[nearest(filepath.Dir(file))] = true
				break
			}
			wanted[filepath.Dir(link)] = true
			file = next
		}
	}
	return wanted
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
		name, after, _ := cut(rest)
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

func cut(path string) (first, rest string, more bool) {
	for i := range path {
		if os.IsPathSeparator(path[i]) {
			return path[:i], path[i+1:], true
		}
	}
	return path, "", false
}

// leadsTo reports whether what changed is a file, on the way to one, or a folder that is
// watched.
func leadsTo(changed string, files []string, watched map[string]bool) bool {
	if watched[changed] {
		return true
	}
	for _, file := range files {
		for range mostLinks {
			if onTheWay(changed, file) {
				return true
			}
			link, next := firstLink(file)
			if link == "" {
				break
			}
			file = next
		}
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
