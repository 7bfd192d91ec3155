package browsers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// document is a JSON file that others write too: all that is not ours stays
// unchanged, byte for byte. Chromium accepts comments and trailing commas, Firefox
// does not.
type document struct{ root hujson.Value }

const indent = "  "

// parseDocument parses a file's text; nil is a file that does not exist.
func parseDocument(text []byte, strict bool) (*document, error) {
	d := &document{}
	if text == nil {
		text = []byte("{\n}\n")
	}
	var err error
	if d.root, err = hujson.Parse(text); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrMalformed, strings.TrimPrefix(err.Error(), "hujson: "))
	}
	if strict && !d.root.IsStandard() {
		return nil, fmt.Errorf("%w: comments and trailing commas are not JSON, and Firefox takes no such file", ErrMalformed)
	}
	if d.root.Value.Kind() != '{' {
		return nil, fmt.Errorf("%w: it holds no object", ErrMalformed)
	}
	return d, nil
}

// member returns the value of a name, nil where there is none.
func member(o *hujson.Object, name string) (*hujson.Value, error) {
	var found *hujson.Value
	for i := range o.Members {
		if literal, ok := o.Members[i].Name.Value.(hujson.Literal); ok && literal.String() == name {
			if found != nil {
				return nil, fmt.Errorf("%w: %q stands there twice", ErrMalformed, name)
			}
			found = &o.Members[i].Value
		}
	}
	return found, nil
}

// find goes down the path as far as it exists.
func (d *document) find(path []string) (at *hujson.Value, depth int, err error) {
	at = &d.root
	for i, name := range path {
		o, ok := at.Value.(*hujson.Object)
		if !ok {
			return nil, i, fmt.Errorf("%w: %q is not an object", ErrMalformed, strings.Join(path[:i], "."))
		}
		next, err := member(o, name)
		if err != nil {
			return nil, i, err
		}
		if next == nil {
			return at, i, nil
		}
		at = next
	}
	return at, len(path), nil
}

// strings returns the list at path; exists distinguishes an empty list from none.
func (d *document) strings(path []string) (values []string, exists bool, err error) {
	at, depth, err := d.find(path)
	if err != nil || depth < len(path) {
		return nil, false, err
	}
	array, ok := at.Value.(*hujson.Array)
	if !ok {
		return nil, true, fmt.Errorf("%w: %q is not a list", ErrMalformed, strings.Join(path, "."))
	}
	for _, e := range array.Elements {
		literal, ok := e.Value.(hujson.Literal)
		if !ok || literal.Kind() != '"' {
			return nil, true, fmt.Errorf("%w: %q holds more than texts", ErrMalformed, strings.Join(path, "."))
		}
		values = append(values, literal.String())
	}
	return values, true, nil
}

// literal returns the text of the value at path.
func (d *document) literal(path []string) (text string, exists bool, err error) {
	at, depth, err := d.find(path)
	if err != nil || depth < len(path) {
		return "", false, err
	}
	value := hujson.Value{Value: at.Value}
	return string(value.Pack()), true, nil
}

// add appends values to the list at path, and makes the parts of the path that are
// missing. It returns how many, counted from the end.
func (d *document) add(path, values []string) (made int, err error) {
	at, depth, err := d.find(path)
	if err != nil {
		return 0, err
	}
	if depth == len(path) {
		array := at.Value.(*hujson.Array) // strings has checked it
		for _, v := range values {
			appendElement(array, v, depth)
		}
		return 0, nil
	}
	return grow(at, path, depth, values)
}

// set makes the member at path, which does not exist, and the parts of the path that
// are missing. It returns how many, counted from the end.
func (d *document) set(path []string, value bool) (made int, err error) {
	at, depth, err := d.find(path)
	if err != nil {
		return 0, err
	}
	return grow(at, path, depth, value)
}

func grow(at *hujson.Value, path []string, depth int, value any) (made int, err error) {
	o, ok := at.Value.(*hujson.Object)
	if !ok {
		return 0, fmt.Errorf("%w: %q is not an object", ErrMalformed, strings.Join(path[:depth], "."))
	}
	for _, name := range slices.Backward(path[depth+1:]) {
		value = map[string]any{name: value}
	}
	return len(path) - depth, appendMember(o, path[depth], value, depth)
}

func appendElement(a *hujson.Array, value string, depth int) {
	before := hujson.Extra("\n" + strings.Repeat(indent, depth+1))
	if n := len(a.Elements); n > 0 {
		before = blank(a.Elements[n-1].BeforeExtra)
		if n == 1 && len(before) == 0 {
			before = hujson.Extra(" ")
		}
	} else if len(a.AfterExtra) == 0 {
		before = nil
	}
	a.Elements = append(a.Elements, hujson.Value{BeforeExtra: before, Value: hujson.String(value)})
}

func appendMember(o *hujson.Object, name string, value any, depth int) error {
	before := hujson.Extra("\n" + strings.Repeat(indent, depth+1))
	prefix := strings.Repeat(indent, depth)
	if n := len(o.Members); n > 0 {
		before = blank(o.Members[n-1].Name.BeforeExtra)
	} else if !bytes.Contains(o.AfterExtra, []byte("\n")) {
		before = nil // so that {} on one line is restored once our entry is removed
	}
	if before != nil {
		prefix = string(before[bytes.LastIndexByte(before, '\n')+1:])
	}
	text, err := json.MarshalIndent(value, prefix, indent)
	if err != nil {
		return err
	}
	v, err := hujson.Parse(text)
	if err != nil {
		return err
	}
	v.BeforeExtra = hujson.Extra(" ")
	o.Members = append(o.Members, hujson.ObjectMember{Name: hujson.Value{BeforeExtra: before, Value: hujson.String(name)}, Value: v})
	return nil
}

// blank is the white space of e for a new neighbour, without its comments.
func blank(e hujson.Extra) hujson.Extra {
	if e.IsStandard() {
		return slices.Clone(e)
	}
	return slices.Clone(e[max(bytes.LastIndexByte(e, '\n'), 0):])
}

// remove removes the values from the list at path, once each. Where that empties
// the list, it removes the list and up to made-1 parts of the path above it that
// are empty too.
func (d *document) remove(path, values []string, made int) error {
	at, depth, err := d.find(path)
	if err != nil || depth < len(path) {
		return err
	}
	array, ok := at.Value.(*hujson.Array)
	if !ok {
		return fmt.Errorf("%w: %q is not a list", ErrMalformed, strings.Join(path, "."))
	}
	for _, v := range values {
		i := slices.IndexFunc(array.Elements, func(e hujson.Value) bool {
			literal, ok := e.Value.(hujson.Literal)
			return ok && literal.Kind() == '"' && literal.String() == v
		})
		if i < 0 {
			continue // removed by someone else
		}
		if i == 0 && len(array.Elements) > 1 && array.Elements[1].BeforeExtra.IsStandard() {
			array.Elements[1].BeforeExtra = array.Elements[0].BeforeExtra
		}
		array.Elements = slices.Delete(array.Elements, i, i+1)
	}
	if len(array.Elements) == 0 {
		return d.prune(path, made)
	}
	return nil
}

func (d *document) prune(path []string, made int) error {
	for ; made > 0 && len(path) > 0; made-- {
		at, depth, err := d.find(path)
		if err != nil || depth < len(path) || !empty(at) {
			return err
		}
		if err := d.cut(path); err != nil {
			return err
		}
		path = path[:len(path)-1]
	}
	return nil
}

// drop removes the member at path, and up to made-1 parts of the path above it that
// are empty then.
func (d *document) drop(path []string, made int) error {
	if err := d.cut(path); err != nil {
		return err
	}
	return d.prune(path[:len(path)-1], made-1)
}

// cut removes the member at path, which exists.
func (d *document) cut(path []string) error {
	parent, _, err := d.find(path[:len(path)-1])
	if err != nil {
		return err
	}
	o := parent.Value.(*hujson.Object)
	i := slices.IndexFunc(o.Members, func(m hujson.ObjectMember) bool { return m.Name.Value.(hujson.Literal).String() == path[len(path)-1] })
	if i == 0 && len(o.Members) > 1 && o.Members[1].Name.BeforeExtra.IsStandard() {
		o.Members[1].Name.BeforeExtra = o.Members[0].Name.BeforeExtra
	}
	o.Members = slices.Delete(o.Members, i, i+1)
	return nil
}

func empty(v *hujson.Value) bool {
	switch x := v.Value.(type) {
	case *hujson.Object:
		return len(x.Members) == 0
	case *hujson.Array:
		return len(x.Elements) == 0
	}
	return false
}
