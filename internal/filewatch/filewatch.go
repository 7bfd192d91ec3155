// Package filewatch notifies of small files that another process replaces.
//
// [Watch] may be called concurrently. It reads no file, and no decision may
// stand on it: the one notified reads the file itself.
package filewatch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// Watch calls changed once the files are watched, after each change of one of
// them, and where a change may have been lost, until ctx ends. It makes the
// folders of the files where they are missing, and returns an error where they
// cannot be watched.
func Watch(ctx context.Context, files []string, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer w.Close()
	watched := map[string]bool{}
	for _, file := range files {
		watched[file] = true
		dir := filepath.Dir(file) // the file itself is replaced
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := w.Add(dir); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	changed() // what was written before the watch began
	for {
		select {
		case e := <-w.Events:
			if watched[e.Name] && !e.Has(fsnotify.Chmod) {
				changed()
			}
		case <-w.Errors:
			changed() // some may have been lost
		case <-ctx.Done():
			return nil
		}
	}
}
