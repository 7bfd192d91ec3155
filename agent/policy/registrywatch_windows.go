package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// watchKey is Registry.Watch for a key below root (RegNotifyChangeKeyValue). Where the key
// is missing, the nearest one above it that is there is watched.
func watchKey(ctx context.Context, root registry.Key, path string, changed func()) error {
	ended, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	defer windows.CloseHandle(ended)
	// The handle stays open until this has run, or never will.
	signalled := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(signalled); _ = windows.SetEvent(ended) })
	defer func() {
		if !stop() {
			<-signalled
		}
	}()
	for ctx.Err() == nil {
		if err := watchOnce(root, path, ended, changed); err != nil {
			return err
		}
	}
	return nil
}

// watchOnce returns after one change, or when ended is signalled. It calls changed when it
// watches: what changes while that reads is not lost.
func watchOnce(root registry.Key, path string, ended windows.Handle, changed func()) error {
	at, err := nearestKey(root, path)
	if err != nil {
		return err
	}
	var watches keyWatches
	defer func() { watches.close() }()
	// Of a key above it matters only which keys are in it; that the key itself was deleted
	// is reported to who watches the one above.
	const names = windows.REG_NOTIFY_CHANGE_NAME
	const all = names | windows.REG_NOTIFY_CHANGE_ATTRIBUTES | windows.REG_NOTIFY_CHANGE_LAST_SET | windows.REG_NOTIFY_CHANGE_SECURITY
	if at == path {
		err = watches.add(root, at, true, all)
	} else {
		err = watches.add(root, at, false, names)
	}
	if i := strings.LastIndex(at, `\`); err == nil && i > 0 {
		err = watches.add(root, at[:i], false, names)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it went meanwhile
	}
	if err != nil {
		return err
	}
	if now, err := nearestKey(root, path); err != nil || now != at {
		return err // another is the nearest now
	}
	changed()
	if _, err := windows.WaitForMultipleObjects(append(watches.events(), ended), false, windows.INFINITE); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	return nil
}

// keyWatches are keys that are watched for one change.
type keyWatches []keyWatch

type keyWatch struct {
	key   registry.Key
	event windows.Handle
}

func (w *keyWatches) add(root registry.Key, at string, below bool, filter uint32) error {
	key, err := registry.OpenKey(root, at, registry.NOTIFY)
	if err != nil {
		return fmt.Errorf("policy: %s cannot be watched: %w", at, missing(err))
	}
	event, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		_ = key.Close()
		return fmt.Errorf("policy: %w", err)
	}
	*w = append(*w, keyWatch{key, event})
	// The registration must not end with the thread, which Go may end.
	err = windows.RegNotifyChangeKeyValue(windows.Handle(key), below, filter|windows.REG_NOTIFY_THREAD_AGNOSTIC, event, true)
	if err != nil {
		return fmt.Errorf("policy: %s cannot be watched: %w", at, missing(err))
	}
	return nil
}

func (w keyWatches) events() (list []windows.Handle) {
	for _, x := range w {
		list = append(list, x.event)
	}
	return list
}

func (w keyWatches) close() {
	for _, x := range w {
		_ = x.key.Close()
		_ = windows.CloseHandle(x.event)
	}
}

// nearestKey is the key, or the nearest one above it that is there.
func nearestKey(root registry.Key, path string) (string, error) {
	for at := path; ; {
		key, err := registry.OpenKey(root, at, registry.NOTIFY)
		if err == nil {
			return at, key.Close()
		}
		i := strings.LastIndex(at, `\`)
		if i < 0 || !errors.Is(missing(err), fs.ErrNotExist) {
			return "", fmt.Errorf("policy: %s cannot be watched: %w", at, err)
		}
		at = at[:i]
	}
}
