//go:build unix

package owners

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestMissingBelowWritable: where nothing is there and others may write the way, they
// can put there what they like: that is a fault, and not merely missing.
func TestMissingBelowWritable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "nothing"), dangling); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "module.so"), dangling} {
		var refused *Error
		if err := Check(path, Person); !errors.As(err, &refused) || !refused.Missing {
			t.Errorf("%s: %v", path, err)
		}
	}
	there := filepath.Join(dir, "there.so")
	var refused *Error
	if err := errors.Join(os.WriteFile(there, nil, 0o600), Check(there, Person)); !errors.As(err, &refused) || refused.Missing {
		t.Errorf("there: %v", err)
	}
}
