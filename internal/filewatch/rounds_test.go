package filewatch

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// restless is a watcher in which a folder goes each time it is to be watched.
type restless struct{ folder string }

func (r restless) Add(folder string) error {
	if folder == r.folder {
		_ = os.Remove(folder)
		return os.ErrNotExist
	}
	_ = os.Mkdir(r.folder, 0o700)
	return nil
}
func (restless) Remove(string) error { return nil }
func (restless) WatchList() []string { return nil }

// TestFollowRestless: folders that come and go without end are no reason to look without
// end.
func TestFollowRestless(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	do(t, os.Mkdir(folder, 0o700))
	complete, err := follow(restless{folder}, []string{filepath.Join(folder, "policy.toml")}, map[string]bool{})
	if complete || err != nil {
		t.Errorf("complete: %v, %v", complete, err)
	}
}

// TestFollowEnds: with its context, before it has looked and after.
func TestFollowEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if err := Follow(ctx, []string{filepath.Join(t.TempDir(), "policy.toml")}, cancel); err != nil {
		t.Error(err)
	}
}
