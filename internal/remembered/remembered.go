// Package remembered stores small values from one run to the next, each in a JSON
// file (RFC 8259) of its own that several processes of one person may read and
// write: a choice made on the command line is valid in the running agent.
//
// Value's methods may be called concurrently, also by several processes: a reader
// gets the old value or the new one, whole, and of two writers the last one wins.
// It never locks: a caller that reads a value, changes it and sets it needs a lock
// of its own. It is not for secrets.
package remembered

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
)

// ErrNowhere says that there is no file to store a value in.
var ErrNowhere = errors.New("remembered: there is no place to keep it")

// Value is one value. A nil *Value stores nothing: Get returns the zero value, Set
// fails with ErrNowhere.
type Value[T any] struct {
	path  string
	check func(T) error
}

// New stores a value in the file at path, whose folder the first Set makes. A
// value that check refuses is neither returned nor set; nil accepts every value.
func New[T any](path string, check func(T) error) *Value[T] {
	if check == nil {
		check = func(T) error { return nil }
	}
	return &Value[T]{path: path, check: check}
}

// Get returns the value, the zero value where none is stored. Where the file does
// not hold a valid one, the error names the file.
func (v *Value[T]) Get() (T, error) {
	var none, value T
	if v == nil {
		return none, nil
	}
	text, err := atomicfile.Read(v.path)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return none, err // which names the file
	}
	if err := json.Unmarshal(text, &value); err != nil {
		return none, fmt.Errorf("%s: %w", v.path, err)
	}
	if err := v.check(value); err != nil {
		return none, fmt.Errorf("%s: %w", v.path, err)
	}
	return value, nil
}

// Set stores the value. The file is replaced in one step, and only its owner may
// read it.
func (v *Value[T]) Set(value T) error {
	if v == nil {
		return ErrNowhere
	}
	if err := v.check(value); err != nil {
		return err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("remembered: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(v.path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(v.path, append(text, '\n'), atomicfile.Options{})
}
