package fulldisk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Disk is a mounted disk.
type Disk struct{ Dir string }

const (
	size   = 1 << 20
	inodes = 200

	filler = "filler" // the file or folder that takes all room
)

// Mount mounts a disk of a megabyte at the folder, which must exist.
func Mount(dir string) (*Disk, error) {
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,nr_inodes=%d,mode=0700", size, inodes))
	if err != nil {
		return nil, fmt.Errorf("fulldisk: mount %s: %w", dir, err)
	}
	return &Disk{dir}, nil
}

// New mounts a disk at the folder, which it makes, until the test ends.
func New(t testing.TB, dir string) *Disk {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := Mount(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// Unmount takes the disk away; processes that still use it keep it until they end.
func (d *Disk) Unmount() error { return syscall.Unmount(d.Dir, syscall.MNT_DETACH) }

// Fill takes all room, to the last byte.
func (d *Disk) Fill() error {
	f, err := os.OpenFile(filepath.Join(d.Dir, filler), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, n := range []int{64 << 10, 4 << 10, 1} {
		for err == nil {
			_, err = f.Write(make([]byte, n))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return err
		}
		err = nil
	}
	return nil
}

// FillNames takes the room for new files and folders, and for nothing else.
func (d *Disk) FillNames() error {
	dir := filepath.Join(d.Dir, filler)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for i := range inodes + 1 {
		f, err := os.Create(filepath.Join(dir, strconv.Itoa(i)))
		if errors.Is(err, syscall.ENOSPC) {
			return nil
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return errors.New("fulldisk: there is room for more files than was asked for")
}

// Free gives the room back.
func (d *Disk) Free() error { return os.RemoveAll(filepath.Join(d.Dir, filler)) }

// ReadOnly makes the disk one that cannot be written to.
func (d *Disk) ReadOnly(on bool) error {
	flags := uintptr(syscall.MS_REMOUNT)
	if on {
		flags |= syscall.MS_RDONLY
	}
	return syscall.Mount("tmpfs", d.Dir, "tmpfs", flags, "")
}
