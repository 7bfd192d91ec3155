package grouppolicy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf16"
)

// Operation is what group policy does to one value, or to all values of a key, below
// HKEY_LOCAL_MACHINE. In a registry.pol the last two are values whose names begin with "**".
type Operation struct {
	Do   string // Set, Delete or DeleteValues
	Key  string
	Name string
	Type uint32
	Data []byte
}

// What an operation does.
const (
	Set          = "set"
	Delete       = "delete"
	DeleteValues = "delete values"
)

// The types that group policy writes.
const (
	regSZ       = 1
	regExpandSZ = 2
	regDWORD    = 4
)

// ErrRefused says that an editor does not take what was entered.
var ErrRefused = errors.New("grouppolicy: an editor refuses this")

// Enabled is what group policy does where the policy is enabled with these values, one for
// each element: a number, a text, the value of a choice, or the entries of a list.
func (p *Policy) Enabled(values map[string]any) (list []Operation, err error) {
	if p.EnabledValue != nil {
		list = append(list, p.EnabledValue.operation(p.Key, p.ValueName))
	}
	for _, e := range p.elements() {
		operations, err := e.enabled(p, values[e.ID])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		list = append(list, operations...)
	}
	return list, nil
}

// Disabled is what group policy does where the policy is disabled: without a value for it,
// it removes what the policy would set.
func (p *Policy) Disabled() (list []Operation) {
	if p.DisabledValue != nil {
		list = append(list, p.DisabledValue.operation(p.Key, p.ValueName))
	} else if p.ValueName != "" {
		list = append(list, Operation{Do: Delete, Key: p.Key, Name: p.ValueName})
	}
	for _, e := range p.elements() {
		if e.XMLName.Local == "list" {
			list = append(list, Operation{Do: DeleteValues, Key: e.key(p)})
		} else {
			list = append(list, Operation{Do: Delete, Key: e.key(p), Name: e.ValueName})
		}
	}
	return list
}

func (v *ValueXML) operation(key, name string) Operation {
	switch {
	case v.Decimal != nil:
		return number(key, name, v.Decimal.Value)
	case v.String != nil:
		return text(key, name, regSZ, *v.String)
	}
	return Operation{Do: Delete, Key: key, Name: name}
}

func number(key, name string, n uint32) Operation {
	return Operation{Set, key, name, regDWORD, binary.LittleEndian.AppendUint32(nil, n)}
}

func text(key, name string, kind uint32, value string) Operation {
	var data []byte
	for _, unit := range append(utf16.Encode([]rune(value)), 0) {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return Operation{Set, key, name, kind, data}
}

func (e *Element) key(p *Policy) string {
	if e.Key != "" {
		return e.Key
	}
	return p.Key
}

func (e *Element) kind() uint32 {
	if e.Expandable {
		return regExpandSZ
	}
	return regSZ
}

func (e *Element) enabled(p *Policy, value any) ([]Operation, error) {
	key := e.key(p)
	switch v := value.(type) {
	case nil:
		if e.Required {
			return nil, fmt.Errorf("%w: %s is required", ErrRefused, e.ID)
		}
		return nil, nil
	case int:
		// What the schema has where the attributes are not there.
		least, most := int64(0), int64(9999)
		if e.Least != nil {
			least = int64(*e.Least)
		}
		if e.Most != nil {
			most = int64(*e.Most)
		}
		if e.XMLName.Local != "decimal" || int64(v) < least || int64(v) > most {
			return nil, fmt.Errorf("%w: %d in %s", ErrRefused, v, e.ID)
		}
		return []Operation{number(key, e.ValueName, uint32(v))}, nil
	case string:
		if e.XMLName.Local == "enum" {
			return e.chosen(key, v)
		}
		most := 1023
		if e.MaxLength != nil {
			most = *e.MaxLength
		}
		if e.XMLName.Local != "text" || len(utf16.Encode([]rune(v))) > most || v == "" && e.Required {
			return nil, fmt.Errorf("%w: %q in %s", ErrRefused, v, e.ID)
		}
		return []Operation{text(key, e.ValueName, e.kind(), v)}, nil
	case []string:
		return e.listed(key, v)
	}
	return nil, fmt.Errorf("%w: %T in %s", ErrRefused, value, e.ID)
}

func (e *Element) chosen(key, value string) ([]Operation, error) {
	for _, item := range e.Items {
		if item.Value.String != nil && *item.Value.String == value {
			return []Operation{item.Value.operation(key, e.ValueName)}, nil
		}
	}
	return nil, fmt.Errorf("%w: %q is no choice of %s", ErrRefused, value, e.ID)
}

// listed: without a prefix each entry is named by its own text; with one, even an empty one,
// by the prefix and its number. Unless it is additive, what else the key holds goes first.
func (e *Element) listed(key string, entries []string) (list []Operation, err error) {
	if e.XMLName.Local != "list" || e.Explicit {
		return nil, fmt.Errorf("%w: a list in %s", ErrRefused, e.ID)
	}
	if !e.Additive {
		list = append(list, Operation{Do: DeleteValues, Key: key})
	}
	for i, entry := range entries {
		name := entry
		if e.Prefix != nil {
			name = *e.Prefix + strconv.Itoa(i+1)
		}
		list = append(list, text(key, name, e.kind(), entry))
	}
	return list, nil
}

// Registry is what operations are done to.
type Registry interface {
	Set(key, name string, kind uint32, data []byte) error
	Delete(key, name string) error
	Values(key string) (names []string, err error)
}

// Apply does the operations as group policy does at a refresh: deletions of all values of a
// key before anything is set.
func Apply(r Registry, list []Operation) error {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Operation) int { return order(a) - order(b) })
	for _, o := range list {
		var err error
		switch o.Do {
		case Set:
			err = r.Set(o.Key, o.Name, o.Type, o.Data)
		case Delete:
			err = r.Delete(o.Key, o.Name)
		case DeleteValues:
			var names []string
			names, err = r.Values(o.Key)
			for _, name := range names {
				err = errors.Join(err, r.Delete(o.Key, name))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func order(o Operation) int {
	if o.Do == DeleteValues {
		return 0
	}
	return 1
}
