package testdesktop

import (
	"context"
	"fmt"
	"os"

	"github.com/cpx-bridge/cpx-bridge/internal/filewatch"
)

// AwaitFile waits until what is in a file fits, which another process writes.
func AwaitFile(ctx context.Context, path string, fits func(text string) bool) error {
	ctx, stop := context.WithTimeout(ctx, Patience)
	defer stop()
	var text []byte
	found := false
	err := filewatch.Watch(ctx, []string{path}, func() {
		var err error
		if text, err = os.ReadFile(path); err == nil && fits(string(text)) {
			found = true
			stop()
		}
	})
	if err == nil && !found {
		err = fmt.Errorf("%s is not as awaited: %q", path, text)
	}
	return err
}
