package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// watchState wakes those who show the state when another process has changed
// what is kept in the state folder. No decision stands on it: each reads the
// files itself. It returns when ctx ends or nothing can be watched.
func (s *Server) watchState(ctx context.Context) {
	names := map[string]bool{}
	if s.choice != nil {
		names[s.choice.path] = true
	}
	if s.remembered.store != nil {
		names[s.remembered.store.File()] = true
	}
	if s.wss != nil {
		names[s.wss.source.File()] = true
	}
	if len(names) == 0 {
		return
	}
	if err := s.watchFiles(ctx, names); err != nil {
		s.log.Info("the state folder is not watched; the menu is brought up to date when it next changes", "error", err)
	}
}

func (s *Server) watchFiles(ctx context.Context, names map[string]bool) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer w.Close()
	for name := range names {
		dir := filepath.Dir(name) // the file itself is replaced
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := w.Add(dir); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	s.changes.tell() // what was written before the watch began
	for {
		select {
		case e := <-w.Events:
			if names[e.Name] && !e.Has(fsnotify.Chmod) {
				_, _ = s.Sites() // reads the list again where it is another
				s.changes.tell()
			}
		case err := <-w.Errors:
			s.log.Debug("state folder", "error", err)
			s.changes.tell() // some may have been lost
		case <-ctx.Done():
			return nil
		}
	}
}
