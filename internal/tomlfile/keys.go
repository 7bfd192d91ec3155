package tomlfile

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/cpx-bridge/cpx-bridge/internal/textfile"
)

// keyAt is a key where it stands, with those of the tables around it.
type keyAt struct {
	path []string
	at   []string // the same, with the number of a table among several: "group[1]"
	line int
}

// exactLines are the lines of the keys of a text that was decoded into v. TOML's keys
// have a letter case, which the library ignores: a key that it would take for another
// is an unknown one.
func exactLines(path string, text []byte, v any) (Lines, error) {
	all := keys(text)
	for _, k := range all {
		if !isKey(reflect.TypeOf(v), k.path) {
			return nil, unknownKey(path, k.line, k.path)
		}
	}
	return linesOf(all), nil
}

// KeyLines are the lines of the keys of a file's content, as far as it is TOML.
func KeyLines(content []byte) Lines {
	text, _ := textfile.Read(content)
	return linesOf(keys(text))
}

func linesOf(all []keyAt) Lines {
	found := Lines{}
	first := func(key string, line int) {
		if _, seen := found[key]; !seen {
			found[key] = line
		}
	}
	for _, k := range all {
		for i := range k.path { // a table is set where a key in it is
			first(strings.Join(k.path[:i+1], "."), k.line)
			first(strings.Join(k.at[:i+1], "."), k.line)
		}
	}
	return found
}

func unknownKey(path string, line int, key []string) *Error {
	return New(path, line, dotted(key), Say("settings.unknown_key"))
}

// isKey reports whether a value of the type has the key, letter by letter.
func isKey(kind reflect.Type, path []string) bool {
	for _, name := range path {
		for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice {
			kind = kind.Elem()
		}
		switch kind.Kind() {
		case reflect.Map:
			kind = kind.Elem()
		case reflect.Struct:
			field := slices.IndexFunc(reflect.VisibleFields(kind), func(f reflect.StructField) bool { return f.Tag.Get("toml") == name })
			if field < 0 {
				return false
			}
			kind = reflect.VisibleFields(kind)[field].Type
		default:
			return false
		}
	}
	return true
}

// keys are the keys of a text in their order, those of inline tables too.
func keys(text []byte) []keyAt {
	r := reader{tables: map[string]int{}}
	for i, b := range text {
		if b == '\n' {
			r.ends = append(r.ends, i)
		}
	}
	var p unstable.Parser
	p.Reset(text)
	var table keyAt
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table:
			table = r.key(keyAt{}, e)
		case unstable.ArrayTable:
			r.tables[r.whole(keyAt{}, e)]++
			table = r.key(keyAt{}, e)
		case unstable.KeyValue:
			r.pair(table, e)
		}
	}
	return r.found
}

// reader collects keys.
type reader struct {
	ends   []int // of the lines
	found  []keyAt
	tables map[string]int // how many there have been of each array of tables
}

// key adds the key of an expression within a table, and returns it.
func (r *reader) key(table keyAt, e *unstable.Node) keyAt {
	k := r.within(table, e)
	r.found = append(r.found, k)
	return k
}

func (r *reader) within(table keyAt, e *unstable.Node) keyAt {
	k := keyAt{path: slices.Clone(table.path), at: slices.Clone(table.at)}
	for it := e.Key(); it.Next(); {
		n := it.Node()
		before, _ := slices.BinarySearch(r.ends, int(n.Raw.Offset))
		k.path, k.line = append(k.path, string(n.Data)), 1+before
		whole := strings.Join(append(slices.Clone(k.at), string(n.Data)), ".")
		last := string(n.Data)
		if count := r.tables[whole]; count > 0 {
			last = numbered(last, count-1)
		}
		k.at = append(k.at, last)
	}
	return k
}

// whole is the key of an array of tables, without its own number.
func (r *reader) whole(table keyAt, e *unstable.Node) string {
	k := r.within(table, e)
	parents := k.at[:len(k.at)-1]
	return strings.Join(append(slices.Clone(parents), k.path[len(k.path)-1]), ".")
}

func numbered(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

// pair adds the key of a pair and those of the tables in its value.
func (r *reader) pair(table keyAt, e *unstable.Node) {
	r.value(r.key(table, e), e.Value())
}

func (r *reader) value(k keyAt, v *unstable.Node) {
	if v.Kind != unstable.InlineTable && v.Kind != unstable.Array {
		return
	}
	for i, it := 0, v.Children(); it.Next(); i++ {
		n := it.Node()
		switch {
		case n.Kind == unstable.KeyValue:
			r.pair(k, n)
		case n.Kind == unstable.InlineTable || n.Kind == unstable.Array:
			element := keyAt{path: k.path, at: slices.Clone(k.at)}
			element.at[len(element.at)-1] = numbered(element.at[len(element.at)-1], i)
			r.value(element, n)
		}
	}
}

// What a message quotes of a file is shortened, in characters.
const (
	mostKey  = 100
	mostText = 300
)

// dotted is a key as a message quotes it: what is not a bare key of TOML's stands in
// quotes, so that nothing in it acts on a terminal or passes for the message's own.
func dotted(path []string) string {
	parts := make([]string, len(path))
	for i, part := range path {
		parts[i] = part
		if part == "" || strings.Trim(part, plainKey) != "" {
			parts[i] = strconv.Quote(part)
		}
	}
	return printable(strings.Join(parts, "."), mostKey)
}

const plainKey = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// printable is a text of at most that many characters, with what is not printable
// written as Go writes it.
func printable(text string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > most {
			b.WriteString("…")
			break
		}
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
