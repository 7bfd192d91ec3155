package browsers

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ownFile is our file in a Chromium-based browser's folder.
const ownFile = "cpx-bridge.json"

// firefoxFile is Firefox's file of policies on Linux.
const firefoxFile = "/etc/firefox/policies/policies.json"

// firefoxElsewhere are the files that Firefox reads only while firefoxFile does not exist.
var firefoxElsewhere = []string{
	"/usr/lib/firefox/distribution/policies.json", "/usr/lib/firefox-esr/distribution/policies.json",
	"/usr/lib64/firefox/distribution/policies.json", "/opt/firefox/distribution/policies.json",
}

// managed are the folders of a Chromium-based browser's policies. Ubuntu's snap of
// Chromium has one of its own.
func managed(root string, b Browser) []string {
	switch b {
	case Chrome:
		return []string{"/etc/opt/chrome/policies/managed"}
	case Edge:
		return []string{"/etc/opt/edge/policies/managed"}
	case Chromium:
		dirs := []string{"/etc/chromium/policies/managed"}
		for _, sign := range []string{"/etc/chromium-browser", "/snap/chromium"} {
			if existsInside(root, sign) {
				return append(dirs, "/etc/chromium-browser/policies/managed")
			}
		}
		return dirs
	}
	return nil
}

// files is the state of a system's files while a request is planned.
type files struct {
	root      string
	record    record
	changes   []*fileChange
	conflicts []Change
}

// fileChange is what a request does to one file.
type fileChange struct {
	browser Browser
	path    string // without the root
	before  []byte // nil: no such file
	doc     *document
	shared  bool
	ours    []ours     // afterwards
	planned [][]string // the lists and policies that the request is about
	err     error
}

func planFiles(r Request, entries []entry) ([]Change, error) {
	f := &files{root: r.Root}
	var err error
	if f.record, err = readRecord(r.Root); err != nil {
		return nil, err
	}
	for _, b := range r.Browsers {
		if b == Firefox {
			f.planFirefox(r, domains(entries))
			continue
		}
		for _, dir := range managed(r.Root, b) {
			own := filepath.Join(dir, ownFile)
			if !r.OnlyShared {
				f.planManaged(b, dir, own, lists(r, b, entries))
			}
			if r.Shared != SharedUnchanged {
				f.planSharedManaged(b, dir, own, r.Shared == SharedSet)
			}
		}
	}
	return f.done(), nil
}

func (f *files) in(path string) string { return in(f.root, path) }

// change reads a file, once for each request.
func (f *files) change(b Browser, path string, strict bool) *fileChange {
	for _, c := range f.changes {
		if c.path == path {
			return c
		}
	}
	c := &fileChange{browser: b, path: path}
	c.before, c.err = readInside(f.root, path)
	if errors.Is(c.err, fs.ErrNotExist) {
		c.before, c.err = nil, nil
	}
	if c.err == nil {
		c.doc, c.err = parseDocument(c.before, strict)
	}
	f.changes = append(f.changes, c)
	return c
}

func (f *files) planFirefox(r Request, values []string) {
	c := f.change(Firefox, firefoxFile, true)
	if c.before == nil && (len(values) > 0 || r.Shared == SharedSet) {
		for _, other := range firefoxElsewhere {
			if existsInside(f.root, other) {
				c.err = &ShadowedError{Other: f.in(other), By: f.in(firefoxFile)}
				return
			}
		}
	}
	if !r.OnlyShared {
		f.planList(c, firefoxList, values)
	}
	if r.Shared != SharedUnchanged {
		for _, s := range sharedPolicies(Firefox) {
			f.planFlag(c, s, r.Shared == SharedSet)
		}
	}
}

// planManaged plans a Chromium-based browser's folder. Of several files that set
// one policy the browser uses only the last by name. So our entries go into the
// file that sets the policy already, and into one of our own where none does.
func (f *files) planManaged(b Browser, dir, own string, lists []list) {
	for _, l := range lists {
		path := []string{l.policy}
		target, err := f.setter(dir, l.policy)
		if err != nil {
			c := f.change(b, own, false)
			c.err = err
			continue
		}
		if target == "" {
			target = own
		}
		for _, file := range f.involved(dir, target, own, path) {
			var values []string
			if file == target {
				values = l.values
			}
			f.planList(f.change(b, file, false), path, values)
		}
	}
}

// setter is the file of others that sets the policy, the last where several do.
func (f *files) setter(dir, policy string) (found string, err error) {
	err = f.others(dir, policy, func(path string, doc *document) error {
		_, exists, err := doc.strings([]string{policy})
		if err == nil && exists && !f.record.made(path, []string{policy}) {
			found = path
		}
		return err
	})
	return found, err
}

// others calls do with each file of others in the folder, in the browser's order. A
// malformed one that names the policy is an error.
func (f *files) others(dir, policy string, do func(path string, doc *document) error) error {
	names, err := filesInside(f.root, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, n := range names { // sorted, as the browser reads them, whatever their extension
		path := filepath.Join(dir, n.Name())
		text, err := readInside(f.root, path)
		if n.Name() == ownFile || n.IsDir() || err != nil {
			continue
		}
		doc, err := parseDocument(text, false)
		if err != nil && !bytes.Contains(text, []byte(policy)) {
			continue // the browser ignores it too
		}
		if err == nil {
			err = do(path, doc)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.in(path), err)
		}
	}
	return nil
}

// involved are the files of the folder in which the list has entries of ours, or
// will have them.
func (f *files) involved(dir, target, own string, path []string) []string {
	list := []string{target}
	if own != target {
		list = append(list, own)
	}
	for _, o := range f.record.Files {
		if filepath.Dir(o.File) == dir && slices.Equal(o.List, path) && !slices.Contains(list, o.File) {
			list = append(list, o.File)
		}
	}
	return list
}

// planList makes values our part of the list at path.
func (f *files) planList(c *fileChange, path, values []string) {
	if c.err != nil {
		return
	}
	now, exists, err := c.doc.strings(path)
	if err != nil {
		c.err = err
		return
	}
	c.planned = append(c.planned, path)
	o := f.mine(c, path, now)
	theirs := without(now, o.Values)
	wanted := without(values, theirs)
	c.shared = c.shared || len(theirs) > 0 || (c.before != nil && !o.NewFile)
	if missing := without(wanted, now); len(missing) > 0 {
		made, err := c.doc.add(path, missing)
		if err != nil {
			c.err = err
			return
		}
		if !exists {
			o.Made = f.made(c, path, made)
		}
	}
	if c.err = c.doc.remove(path, without(o.Values, wanted), o.Made); c.err != nil {
		return
	}
	if o.Values = wanted; len(wanted) > 0 {
		c.ours = append(c.ours, o)
	} else if o.NewFile {
		c.ours = append(c.ours, ours{File: c.path, NewFile: true}) // recorded until the file is removed
	}
}

// mine is our part of the list so far. Without a record our own file is recognised
// by its name, and elsewhere nothing counts as ours.
func (f *files) mine(c *fileChange, path, now []string) ours {
	o, known := f.record.find(c.path, path)
	if !known {
		o = f.newOurs(c, path)
		if isOwn(c.path) {
			o.Values, o.Made = now, len(path)
		}
	}
	o.NewFile = o.NewFile || f.newFile(c)
	return o
}

// without is list without the values of other.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(v string) bool { return slices.Contains(other, v) })
}

func (f *files) done() []Change {
	var out []Change
	for _, c := range f.changes {
		for _, o := range f.record.of(c.path) { // what the request is not about stays ours
			if holds(o) && !slices.ContainsFunc(c.planned, func(path []string) bool { return slices.Equal(path, o.List) }) {
				c.ours = append(c.ours, o)
			}
		}
		if c.err == nil && c.before == nil && empty(&c.doc.root) {
			continue // no file before, and none afterwards
		}
		change := Change{Browser: c.browser, Where: f.in(c.path), Shared: c.shared, Err: c.err}
		if c.err == nil {
			text := c.text()
			change.Text, change.Changed = string(text), !bytes.Equal(text, c.before) || (text == nil) != (c.before == nil)
			change.Backup, change.Err = f.backup(c)
			change.apply = func() error { return f.apply(c, text, change.Backup) }
		}
		out = append(out, change)
	}
	return append(out, f.conflicts...)
}

// text is the file's content afterwards, nil where the file is removed.
func (c *fileChange) text() []byte {
	if empty(&c.doc.root) && slices.ContainsFunc(c.ours, func(o ours) bool { return o.NewFile }) {
		return nil
	}
	return c.doc.root.Pack()
}

// backup is the path of the copy from before our first entry, which exists while
// the file holds entries of ours. None is made of a file that holds some already.
func (f *files) backup(c *fileChange) (string, error) {
	if !c.shared || !slices.ContainsFunc(c.ours, holds) {
		return "", nil
	}
	path, err := inside(f.root, c.path)
	if err != nil {
		return "", err
	}
	name := backupOf(path)
	if _, err := os.Lstat(name); err != nil && slices.ContainsFunc(f.record.of(c.path), holds) {
		return "", nil
	}
	return name, nil
}

func isOwn(path string) bool { return filepath.Base(path) == ownFile }

func holds(o ours) bool { return len(o.Values) > 0 }

// apply writes the record first: it may name entries that do not exist yet, but
// never misses one that does.
func (f *files) apply(c *fileChange, text []byte, backup string) error {
	c.ours = slices.DeleteFunc(c.ours, func(o ours) bool { return !holds(o) })
	path, err := inside(f.root, c.path)
	if err != nil {
		return err
	}
	recorded, err := inside(f.root, recordFile)
	if err != nil {
		return err
	}
	f.recordFolders(slices.Concat(missing(filepath.Dir(path)), missing(filepath.Dir(recorded))))
	before := f.record
	f.record = f.record.with(c.path, append(f.record.of(c.path), c.ours...))
	if err := f.record.write(recorded); err != nil {
		return err
	}
	if err := replace(path, scratch(path), text, backup); err != nil {
		return err
	}
	f.record = before.with(c.path, c.ours)
	if err := f.record.write(recorded); err != nil || len(c.ours) > 0 {
		return err
	}
	if err := os.Remove(backupOf(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f.tidy(path)
	if len(f.record.Files) > 0 {
		return f.record.write(recorded) // without the folders that are gone: the next there may be another's
	}
	f.tidy(recorded)
	return nil
}

func backupOf(path string) string {
	return filepath.Join(scratch(path), filepath.Base(path)+backupSuffix)
}

// scratch is the folder where a file is written before it is renamed, and where its
// backup goes: a Chromium-based browser reads every file in its own folder,
// whatever its name.
func scratch(path string) string {
	dir := filepath.Dir(path)
	if strings.HasSuffix(dir, "/policies/managed") {
		return filepath.Dir(dir)
	}
	return dir
}
