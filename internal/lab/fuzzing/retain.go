package fuzzing

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// The bounds of the seeds of one target in the repository, those that people wrote
// and those that were found.
const (
	MaxSeeds     = 50
	MaxSeedsSize = 64 << 10 // bytes
	maxFoundSize = 2 << 10  // of one input that was found
)

// MaxAllSeedsSize bounds the seeds of all targets together, in bytes.
const MaxAllSeedsSize = 400 << 10

// foundPrefix begins the names of seeds that fuzzing found.
const foundPrefix = "found-"

// Retain adds to a target's seeds, of what fuzzing found on this machine, the
// shortest inputs that reach code which no seed reaches, and returns how many.
func Retain(ctx context.Context, root string, t Target) (added int, err error) {
	found, err := cached(ctx, root, t)
	if err != nil {
		return 0, err
	}
	work, err := os.MkdirTemp("", "cpx-fuzz")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(work)
	c := coverage{folder: filepath.Join(root, filepath.FromSlash(t.Package)), program: filepath.Join(work, "test"), profile: filepath.Join(work, "profile"), target: t, seen: map[string]bool{}}
	if len(found) == 0 {
		return 0, nil
	}
	if err := c.build(ctx); err != nil {
		return 0, err
	}
	if _, err := c.grows(ctx, ""); err != nil { // by all seeds that there are
		return 0, err
	}
	seeds := filepath.Join(root, t.Seeds())
	names, size, err := seedFiles(seeds)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	for _, f := range found {
		if len(names)+added >= MaxSeeds || size+int64(len(f.text)) > MaxSeedsSize || len(f.text) > maxFoundSize {
			continue
		}
		name := foundPrefix + f.name
		path := filepath.Join(seeds, name)
		if err := os.WriteFile(path, f.text, 0o644); err != nil {
			return added, err
		}
		grows, err := c.grows(ctx, name)
		if err != nil || !grows {
			if removeErr := os.Remove(path); err != nil || removeErr != nil {
				return added, errors.Join(err, removeErr)
			}
			continue
		}
		added, size = added+1, size+int64(len(f.text))
	}
	return added, nil
}

// input is one that fuzzing found.
type input struct {
	name string
	text []byte
}

// cached are the inputs in Go's cache, the shortest first.
func cached(ctx context.Context, root string, t Target) ([]input, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-f", "{{.ImportPath}}", "./"+t.Package)
	cmd.Dir = root
	path, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	cache, err := exec.CommandContext(ctx, "go", "env", "GOCACHE").Output()
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(strings.TrimSpace(string(cache)), "fuzz", filepath.FromSlash(strings.TrimSpace(string(path))), t.Name)
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []input
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, input{e.Name(), text})
	}
	slices.SortFunc(all, func(a, b input) int {
		return cmp.Or(cmp.Compare(len(a.text), len(b.text)), cmp.Compare(a.name, b.name))
	})
	return all, nil
}

// coverage is which code of its package a target's inputs have reached so far.
type coverage struct {
	folder, program, profile string
	target                   Target
	seen                     map[string]bool
}

func (c *coverage) build(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-cover", "-o", c.program, ".")
	cmd.Dir = c.folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// grows reports whether a seed reaches more than what was played before; all seeds
// where it is "".
func (c *coverage) grows(ctx context.Context, seed string) (bool, error) {
	which := "^" + c.target.Name + "$"
	if seed != "" {
		which += "/^" + seed + "$"
	}
	cmd := exec.CommandContext(ctx, c.program, "-test.run="+which, "-test.coverprofile="+c.profile)
	cmd.Dir = c.folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return false, fmt.Errorf("%w: %s", err, out)
	}
	text, err := os.ReadFile(c.profile)
	if err != nil {
		return false, err
	}
	grows := false
	for line := range bytes.Lines(text) {
		block, times, _ := bytes.Cut(line, []byte(" ")) // file:from,to statements times
		if bytes.HasSuffix(bytes.TrimSpace(times), []byte(" 0")) || c.seen[string(block)] || !bytes.Contains(block, []byte(".go:")) {
			continue
		}
		c.seen[string(block)] = true
		grows = true
	}
	return grows, nil
}
