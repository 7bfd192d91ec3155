package policy

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// Registry is where the machine's policy stands in a registry.
type Registry struct {
	Name string // the key's full name
	// Open opens the key; an error that is fs.ErrNotExist says that there is no policy.
	Open func() (Key, error)
	// Trusted refuses a key that others than the machine's administrators may change;
	// nil: it is not asked.
	Trusted func() error
	// Expand is what a variable stands for in a REG_EXPAND_SZ, false for an unknown one.
	Expand func(variable string) (string, bool)
	// Watch calls changed once the key is watched, and after each change of it or of what
	// is below it, also where it is missing at first, until ctx ends; nil: it is not
	// watched.
	Watch func(ctx context.Context, changed func()) error
	// Otherwise is read where this key does not exist, and in its place only; nil: nothing
	// is. What it says counts as the machine's policy in every rule.
	Otherwise *Registry
	// Joined lets a list be one REG_SZ, with spaces, commas or semicolons between its
	// entries, as an installer's property is.
	Joined bool
}

// Key is an open key of a registry.
type Key interface {
	Values() ([]Value, error)
	Keys() (names []string, err error)
	Open(name string) (Key, error)
	Close() error
}

// Value is one of a key's values as it is stored.
type Value struct {
	Name string
	Type uint32
	Data []byte // of one that is longer than MaxValue, so much and at least one byte more
}

// The bounds of what is read of the registry, far beyond what settings need.
const (
	MaxValue = 64 << 10 // bytes of one value
	maxNames = 10_000   // values or keys in one key
	mostName = 100      // characters of a name that a message quotes
)

// errChanging says that the registry was changed while it was read.
var errChanging = errors.New("policy: the registry is being changed")

// readRegistry returns nil where there is no key. Errors are of type *SettingsError.
func readRegistry(registry *Registry) (*source, error) {
	for range 3 {
		s, err := (&registryReader{Registry: registry}).read()
		switch {
		case errors.Is(err, errChanging):
		case s == nil && err == nil && registry.Otherwise != nil:
			return readRegistry(registry.Otherwise)
		case s != nil && registry.Otherwise != nil:
			s.hidden = s.hides(registry.Otherwise)
			return s, err
		default:
			return s, err
		}
	}
	return nil, wrong(registry.Name, "settings.restless")
}

// hides are the keys that other sets and s does not: they do not count, and nobody has said
// that they should not.
func (s *source) hides(other *Registry) (keys []string) {
	o, err := (&registryReader{Registry: other}).read()
	if o == nil || err != nil { // it is not read, so that what is wrong with it is nobody's concern
		return nil
	}
	for _, d := range definitions {
		if o.sets(d.Key) && !s.sets(d.Key) {
			keys = append(keys, d.Key)
		}
	}
	return keys
}

// registryReader is one reading. Whatever it does not know ends it: an agent that passed
// over what its administrator set would allow more than they do.
type registryReader struct {
	*Registry
	source *source
}

func (r *registryReader) read() (*source, error) {
	if r.Trusted != nil {
		if err := r.Trusted(); err != nil {
			return nil, err
		}
	}
	key, err := r.Open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unreadable(r.Name, err)
	}
	defer key.Close()
	r.source = &source{path: r.Name, system: windowsPaths, values: map[string]any{}, valueNames: map[string][]string{}}
	if err := r.section(key, r.Name, ""); err != nil {
		return nil, err
	}
	if err := r.source.check(); err != nil {
		return nil, err
	}
	return r.source, nil
}

func unreadable(name string, err error) error {
	if errors.Is(err, errChanging) {
		return err
	}
	return wrong(name, "settings.unreadable_key", visible.Short(err.Error(), mostName))
}

func wrong(name string, key texts.Key, values ...any) error {
	return tomlfile.New(name, 0, "", tomlfile.Say(key, values...))
}

// below is the full name of a value or key in a key.
func below(key, name string) string {
	if name == "" {
		name = "(Default)" // as registry editors show it
	}
	return key + `\` + visible.Short(name, mostName)
}

// content is what stands in a key, in a fixed order.
func content(key Key, name string) (values []Value, keys []string, err error) {
	if values, err = key.Values(); err == nil {
		keys, err = key.Keys()
	}
	if err != nil {
		return nil, nil, unreadable(name, err)
	}
	if len(values) > maxNames || len(keys) > maxNames {
		return nil, nil, wrong(name, "settings.too_many", maxNames)
	}
	slices.SortFunc(values, func(a, b Value) int { return cmp.Compare(a.Name, b.Name) })
	slices.Sort(keys)
	return values, keys, nil
}

// section reads a key whose values are settings: the policy's own key, or a section's.
func (r *registryReader) section(key Key, name, section string) error {
	values, keys, err := content(key, name)
	if err != nil {
		return err
	}
	for _, v := range values {
		full := below(name, v.Name)
		d := find(section, v.Name)
		switch {
		case d == nil && section == "" && isSection(v.Name):
			return wrong(full, "settings.must_be_key")
		case d == nil:
			return wrong(full, "settings.unknown_value")
		}
		if err := r.value(d, full, v); err != nil {
			return err
		}
	}
	for _, sub := range keys {
		if err := r.subkey(key, below(name, sub), section, sub); err != nil {
			return err
		}
	}
	return nil
}

func (r *registryReader) subkey(parent Key, full, section, name string) error {
	d := find(section, name)
	isSection := section == "" && isSection(name)
	switch {
	case d == nil && !isSection:
		return wrong(full, "settings.unknown_key")
	case d != nil && !d.Kind.List():
		return wrong(full, "settings.must_be_value", d.Kind.inRegistry())
	}
	key, err := parent.Open(name)
	if errors.Is(err, fs.ErrNotExist) { // it was there a moment ago
		return errChanging
	}
	if err != nil {
		return unreadable(full, err)
	}
	defer key.Close()
	if isSection {
		return r.section(key, full, strings.ToLower(name))
	}
	return r.list(d, key, full)
}

// find is the definition of a name in a section. The registry has no letter case.
func find(section, name string) *Definition {
	i := slices.IndexFunc(definitions, func(d Definition) bool { return d.Section() == section && strings.EqualFold(d.Name(), name) })
	if i < 0 || !ascii(name) { // some letters beyond ASCII fold to those of ASCII
		return nil
	}
	return &definitions[i]
}

func isSection(name string) bool {
	return ascii(name) && slices.ContainsFunc(definitions, func(d Definition) bool { return d.Section() != "" && strings.EqualFold(d.Section(), name) })
}

func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 })
}

// set takes a value that was read. The names are those of its entries.
func (r *registryReader) set(d *Definition, value any, names ...string) error {
	if r.source.sets(d.Key) {
		return wrong(names[0], "settings.given_twice")
	}
	r.source.values[d.Key], r.source.valueNames[d.Key] = value, names
	return nil
}

// number is the name of a list's entry.
var number = lazyregexp.New(`^(0|[1-9][0-9]{0,8})$`)

// list reads a key whose values are a list's entries: their names are numbers, which
// Windows sorts as text, 10 before 2.
func (r *registryReader) list(d *Definition, key Key, name string) error {
	values, keys, err := content(key, name)
	if err != nil {
		return err
	}
	if len(keys) > 0 {
		return wrong(below(name, keys[0]), "settings.unknown_key")
	}
	for _, v := range values {
		if !number.MatchString(v.Name) {
			return wrong(below(name, v.Name), "settings.list_names")
		}
	}
	slices.SortFunc(values, func(a, b Value) int {
		return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	names, entries := []string{name}[:0], []string{}
	for _, v := range values {
		full := below(name, v.Name)
		text, err := r.text(d, full, v)
		if err != nil {
			return err
		}
		names, entries = append(names, full), append(entries, text)
	}
	if len(names) == 0 {
		names = []string{name}
	}
	return r.set(d, entries, names...)
}

// The types of values (winnt.h).
const (
	regSZ       = 1
	regExpandSZ = 2
	regDWORD    = 4
	regMultiSZ  = 7
)

var typeNames = []string{"REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD", "REG_DWORD_BIG_ENDIAN", "REG_LINK", "REG_MULTI_SZ",
	"REG_RESOURCE_LIST", "REG_FULL_RESOURCE_DESCRIPTOR", "REG_RESOURCE_REQUIREMENTS_LIST", "REG_QWORD"}

func typeName(kind uint32) string {
	if int64(kind) < int64(len(typeNames)) {
		return typeNames[kind]
	}
	return "type " + strconv.FormatUint(uint64(kind), 10)
}

// inRegistry says how a value of the kind is written there.
func (k Kind) inRegistry() any {
	switch k {
	case KindNumber, KindSwitch:
		return "REG_DWORD"
	case KindPath:
		return tomlfile.Say("settings.type_path")
	case KindPaths, KindOrigins:
		return tomlfile.Say("settings.type_list")
	}
	return "REG_SZ"
}

// PolicyKey is the key of group policy's values, below HKEY_LOCAL_MACHINE: one key for
// programs of 32 and of 64 bits ("Registry Keys Affected by WOW64").
const PolicyKey = `SOFTWARE\Policies\CPxBridge`

// InPolicy is where group policy writes a setting: a value of a key below
// HKEY_LOCAL_MACHINE, or a list, which is a key of its own and has no name of a value.
func (d *Definition) InPolicy() (key, value string) {
	key, value = PolicyKey, d.Name()
	if section := d.Section(); section != "" {
		key += `\` + section
	}
	if d.Kind.List() {
		return key + `\` + value, ""
	}
	return key, value
}

// value reads a setting that is one value.
func (r *registryReader) value(d *Definition, name string, v Value) error {
	mistyped := func() error { return wrong(name, "settings.value_type", d.Kind.inRegistry(), typeName(v.Type)) }
	switch {
	case d.Kind.List() && r.Joined && v.Type == regSZ:
		text, err := r.text(d, name, v)
		if err != nil {
			return err
		}
		return r.set(d, strings.FieldsFunc(text, separates), name)
	case d.Kind.List():
		if v.Type != regMultiSZ {
			return mistyped()
		}
		entries, err := multiple(name, v.Data)
		if err != nil {
			return err
		}
		return r.set(d, entries, name)
	case d.Kind != KindNumber && d.Kind != KindSwitch:
		text, err := r.text(d, name, v)
		if err != nil {
			return err
		}
		return r.set(d, text, name)
	case v.Type != regDWORD:
		return mistyped()
	case len(v.Data) != 4:
		return wrong(name, "settings.damaged_number", len(v.Data))
	}
	n := binary.LittleEndian.Uint32(v.Data)
	if d.Kind == KindNumber {
		return r.set(d, int(min(n, 1<<31-1)), name) // all bounds are far below
	}
	if n > 1 {
		return wrong(name, "settings.yes_or_no", n)
	}
	return r.set(d, n == 1, name)
}

// text reads a text, or an entry of a list. Variables are known in paths alone.
func (r *registryReader) text(d *Definition, name string, v Value) (string, error) {
	isPath := d.Kind == KindPath || d.Kind == KindPaths
	if v.Type != regSZ && (v.Type != regExpandSZ || !isPath) {
		var want any = "REG_SZ"
		if isPath {
			want = KindPath.inRegistry()
		}
		return "", wrong(name, "settings.value_type", want, typeName(v.Type))
	}
	text, err := decoded(name, v.Data)
	if err == nil && v.Type == regExpandSZ {
		text, err = r.expanded(name, text)
	}
	return text, err
}

// decoded is the text of a value, with or without its end, as programs write it.
func decoded(name string, data []byte) (string, error) {
	units, err := utf16Units(name, data)
	if err != nil {
		return "", err
	}
	if n := len(units); n > 0 && units[n-1] == 0 {
		units = units[:n-1]
	}
	return plainText(name, units)
}

// multiple are the texts of a REG_MULTI_SZ: each ends with a zero, and the list with one
// more, which some programs leave out.
func multiple(name string, data []byte) ([]string, error) {
	units, err := utf16Units(name, data)
	if err != nil {
		return nil, err
	}
	list := []string{}
	for len(units) > 0 {
		end := slices.Index(units, 0)
		if end < 0 {
			end = len(units)
		}
		rest := units[min(end+1, len(units)):]
		if end == 0 {
			if len(rest) > 0 {
				return nil, wrong(name, "settings.empty_entry")
			}
			break
		}
		text, err := plainText(name, units[:end])
		if err != nil {
			return nil, err
		}
		list, units = append(list, text), rest
	}
	return list, nil
}

// separates reports whether a character stands between the entries of a joined list. An
// origin has none of them.
func separates(r rune) bool { return r == ' ' || r == ',' || r == ';' }

func utf16Units(name string, data []byte) ([]uint16, error) {
	if len(data) > MaxValue {
		return nil, wrong(name, "settings.too_long", MaxValue)
	}
	if len(data)%2 != 0 {
		return nil, wrong(name, "settings.damaged_text", len(data))
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(data[2*i:])
	}
	return units, nil
}

// plainText refuses what no setting holds and no editor shows: a zero, at which other
// programs would end the text, control characters, and halves of characters.
func plainText(name string, units []uint16) (string, error) {
	text := string(utf16.Decode(units))
	if !slices.Equal(utf16.Encode([]rune(text)), units) {
		return "", wrong(name, "settings.damaged_letters")
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", wrong(name, "settings.unseen")
	}
	return text, nil
}

// Variables are those that a REG_EXPAND_SZ may hold.
const Variables = "%ProgramFiles%, %ProgramFiles(x86)%, %ProgramData%, %SystemRoot%"

// variable is one in a REG_EXPAND_SZ.
var variable = lazyregexp.New(`%([^%]*)%`)

// expanded replaces the variables of the machine. Those of the environment are not taken: a
// person may set them, and would choose the module that the policy names.
func (r *registryReader) expanded(name, text string) (string, error) {
	unknown := ""
	text = variable.ReplaceAllStringFunc(text, func(found string) string {
		value, known := "", false
		if r.Expand != nil {
			value, known = r.Expand(strings.Trim(found, "%"))
		}
		if !known && unknown == "" {
			unknown = found
		}
		return value
	})
	if unknown != "" {
		return "", wrong(name, "settings.variable", visible.Short(unknown, mostName), Variables)
	}
	return text, nil
}
