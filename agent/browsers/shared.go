package browsers

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Shared says what a request does with the policies of workstations that people
// share: nothing of what one person typed is offered to the next.
type Shared int

// What a request does with them.
const (
	SharedUnchanged Shared = iota
	SharedSet
	SharedRemoved
)

// flag is a policy that is either true or false.
type flag struct {
	path  []string // as in a document; its last part is the policy's name
	value bool
}

func (s flag) name() string { return s.path[len(s.path)-1] }

func (s flag) literal() string { return strconv.FormatBool(s.value) }

// sharedPolicies are a browser's policies of shared workstations. Of passwords it
// neither offers to save one nor saves it; of other fields it does not remember
// what was typed. In Chromium the second is AutofillAddressEnabled, although the
// name says less: it also stops the list of earlier entries of a field.
// https://chromeenterprise.google/policies/#PasswordManagerEnabled
// https://mozilla.github.io/policy-templates/#passwordmanagerenabled
func sharedPolicies(b Browser) []flag {
	if b == Firefox {
		return []flag{
			{[]string{"policies", "PasswordManagerEnabled"}, false},
			{[]string{"policies", "OfferToSaveLogins"}, false},
			{[]string{"policies", "DisableFormHistory"}, true},
		}
	}
	return []flag{{[]string{"PasswordManagerEnabled"}, false}, {[]string{"AutofillAddressEnabled"}, false}}
}

// ErrConflict says that others set a policy to another value than ours.
var ErrConflict = errors.New("browsers: others set the policy to another value, which was left as it is")

// ConflictError is the ErrConflict of a policy. Which value counts is for the
// administrator to say: ours takes the place of no other.
type ConflictError struct{ Policy, Where, Value, Wanted string }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%v: %s is %s in %s, and not %s", ErrConflict, e.Policy, e.Value, e.Where, e.Wanted)
}

// Is makes it an ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// conflict is a change that is not made.
func conflict(b Browser, where string, s flag, value string) Change {
	return Change{Browser: b, Where: where, Shared: true, Err: &ConflictError{Policy: s.name(), Where: where, Value: value, Wanted: s.literal()}}
}

// planFlag plans a policy in the file in which it is, or is to be.
func (f *files) planFlag(c *fileChange, s flag, set bool) {
	if c.err != nil {
		return
	}
	now, exists, err := c.doc.literal(s.path)
	if err != nil {
		c.err = err
		return
	}
	o, known := f.record.find(c.path, s.path)
	if !known && exists && now == s.literal() && isOwn(c.path) {
		o, known = ours{File: c.path, List: s.path, Values: []string{now}, Made: len(s.path)}, true
	}
	c.planned = append(c.planned, s.path)
	c.shared = c.shared || c.before != nil && !f.newFile(c)
	mine := known && exists && slices.Equal(o.Values, []string{now}) // changed by others since, it is theirs
	switch {
	case set && exists && now != s.literal():
		f.conflicts = append(f.conflicts, conflict(c.browser, f.in(c.path), s, now))
	case set && !exists:
		o = f.newOurs(c, s.path)
		o.Values = []string{s.literal()}
		var made int
		if made, c.err = c.doc.set(s.path, s.value); c.err != nil {
			return
		}
		o.Made = f.made(c, s.path, made)
		mine = true
	case !set && mine:
		if c.err = c.doc.drop(s.path, o.Made); c.err != nil {
			return
		}
		mine = false
	}
	if mine {
		o.NewFile = o.NewFile || f.newFile(c)
		c.ours = append(c.ours, o)
	} else if f.newFile(c) {
		c.ours = append(c.ours, f.newOurs(c, nil)) // recorded until the file is removed
	}
}

// newFile reports whether we made the file.
func (f *files) newFile(c *fileChange) bool {
	return c.before == nil || isOwn(c.path) || slices.ContainsFunc(f.record.of(c.path), func(o ours) bool { return o.NewFile })
}

func (f *files) newOurs(c *fileChange, path []string) ours {
	return ours{File: c.path, List: path, NewFile: f.newFile(c)}
}

// made returns how many parts of the path, counted from its end, are ours: those
// that were made now, and those above them that another entry of ours made.
func (f *files) made(c *fileChange, path []string, now int) int {
	for _, o := range slices.Concat(f.record.of(c.path), c.ours) {
		for depth := max(len(o.List)-o.Made+1, 1); o.Made > 0 && depth < len(path) && depth <= len(o.List); depth++ {
			if slices.Equal(o.List[:depth], path[:depth]) {
				now = max(now, len(path)-depth+1)
			}
		}
	}
	return now
}

// planSharedManaged plans the policies in a Chromium-based browser's folder. They go
// into our file, unless another one sets them already.
func (f *files) planSharedManaged(b Browser, dir, own string, set bool) {
	for _, s := range sharedPolicies(b) {
		c := f.change(b, own, false)
		if set {
			file, value, err := f.flagSetter(dir, s)
			switch {
			case err != nil:
				c.err = err
				continue
			case file != "" && value != s.literal():
				f.conflicts = append(f.conflicts, conflict(b, f.in(file), s, value))
				c.planned = append(c.planned, s.path)
				continue
			case file != "":
				if _, known := f.record.find(own, s.path); !known {
					continue
				}
			}
		}
		f.planFlag(c, s, set)
	}
}

// flagSetter is the file of others that sets the policy, the last where several do,
// and the value there.
func (f *files) flagSetter(dir string, s flag) (found, value string, err error) {
	err = f.others(dir, s.name(), func(path string, doc *document) error {
		now, exists, err := doc.literal(s.path)
		if err == nil && exists {
			found, value = path, now
		}
		return err
	})
	return found, value, err
}
