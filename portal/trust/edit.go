package trust

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// Group is a trust group as a settings file has it.
type Group struct {
	Name             string   `toml:"name"`
	Test             bool     `toml:"test"`
	Roots            []string `toml:"roots"`
	Intermediates    []string `toml:"intermediates"`
	RequiredPolicies []string `toml:"required_policies"`
	RefusedPolicies  []string `toml:"refused_policies"`

	Line int `toml:"-"` // of its [[trust_group]]
}

// span is a part of a text.
type span struct{ from, to int }

// document is a settings file as text, with what of it is read and changed here.
type document struct {
	text       []byte
	mark       bool // it begins with a byte order mark
	revocation string
	groups     []Group

	lists   []map[string]span // of each group: the value of a key in it
	setting span              // the value of revocation; empty: it is not set
	top     int               // where the first table begins
	inline  int               // the line of a trust_group that is written as one value; 0: none is
}

// parseDocument reads the trust groups of a settings file, whatever else is in it. Errors
// are of type *tomlfile.Error.
func parseDocument(path string, content []byte) (*document, error) {
	text, err := tomlfile.Text(path, content)
	if err != nil {
		return nil, err
	}
	d := &document{text: text, mark: len(text) < len(content), top: len(text)}
	var read struct {
		Revocation string  `toml:"revocation"`
		Groups     []Group `toml:"trust_group"`
	}
	if err := toml.Unmarshal(text, &read); err != nil {
		return nil, fmt.Errorf("%s: trust_group: %w", path, err)
	}
	d.revocation, d.groups = read.Revocation, read.Groups
	d.locate()
	return d, nil
}

// locate finds where in the text what is changed stands.
func (d *document) locate() {
	var p unstable.Parser
	p.Reset(d.text)
	var table []string
	for p.NextExpression() {
		e := p.Expression()
		path, first, last := keyOf(e)
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = path
			d.top = min(d.top, d.lineStart(first))
			if e.Kind == unstable.ArrayTable && slices.Equal(path, []string{"trust_group"}) {
				d.lists = append(d.lists, map[string]span{})
				if n := len(d.lists); n <= len(d.groups) {
					d.groups[n-1].Line = d.line(first)
				}
			}
		case unstable.KeyValue:
			value := span{last, int(e.Raw.Offset) + int(e.Raw.Length)}
			value.from += bytes.IndexByte(d.text[last:], '=') + 1
			whole := slices.Concat(table, path)
			switch {
			case slices.Equal(whole, []string{"revocation"}):
				d.setting = value
			case slices.Equal(whole, []string{"trust_group"}):
				d.inline = d.line(first)
			case len(whole) == 2 && whole[0] == "trust_group" && len(d.lists) > 0:
				d.lists[len(d.lists)-1][whole[1]] = value
			}
		}
	}
}

// keyOf is an expression's key, where it begins and where it ends.
func keyOf(e *unstable.Node) (path []string, first, last int) {
	for it := e.Key(); it.Next(); {
		n := it.Node()
		if len(path) == 0 {
			first = int(n.Raw.Offset)
		}
		path, last = append(path, string(n.Data)), int(n.Raw.Offset)+int(n.Raw.Length)
	}
	return path, first, last
}

func (d *document) line(at int) int      { return 1 + bytes.Count(d.text[:at], []byte("\n")) }
func (d *document) lineStart(at int) int { return 1 + bytes.LastIndexByte(d.text[:at], '\n') }

// end is how the file's lines end.
func (d *document) end() string {
	if bytes.Contains(d.text, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

// change is a piece of text in another's place.
type change struct {
	at   span
	text string
}

// changed is the content of the file with the changes, which do not overlap.
func (d *document) changed(changes []change) []byte {
	slices.SortFunc(changes, func(a, b change) int { return a.at.from - b.at.from })
	var out []byte
	if d.mark {
		out = append(out, "\ufeff"...)
	}
	from := 0
	for _, c := range changes {
		out = append(append(out, d.text[from:c.at.from]...), c.text...)
		from = c.at.to
	}
	return append(out, d.text[from:]...)
}

// setRevocation states how revocation is checked.
func (d *document) setRevocation(value string) change {
	if d.setting != (span{}) {
		return change{d.setting, " " + strconv.Quote(value)}
	}
	text := "revocation = " + strconv.Quote(value) + d.end()
	if d.top > 0 && d.text[d.top-1] != '\n' {
		text = d.end() + text
	}
	return change{span{d.top, d.top}, text}
}

// entry is a file of a group.
type entry struct{ path, comment string }

// extend adds files to a list of a group.
func (d *document) extend(group int, key string, entries []entry) change {
	at, found := d.lists[group][key]
	if !found { // after the group's name, which every group has
		name := d.lists[group]["name"]
		return change{span{name.to, name.to}, d.end() + key + " = [" + d.list(entries) + d.end() + "]"}
	}
	quoted := make([]string, len(entries))
	for i, e := range entries {
		quoted[i] = strconv.Quote(e.path)
	}
	more := strings.Join(quoted, ","+d.end()+"  ")
	closing := at.to - 1 // the bracket
	if last, open := lastValue(d.text[at.from:closing]); open {
		return change{span{at.from + last, at.from + last}, "," + d.end() + "  " + more}
	}
	return change{span{closing, closing}, "  " + more + "," + d.end()}
}

// lastValue is where the last text of a list ends, and whether no comma follows it.
func lastValue(list []byte) (end int, open bool) {
	quote := byte(0)
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quote == '"' && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote, end, open = 0, i+1, true
			}
		case c == '"', c == '\'':
			quote = c
		case c == ',':
			open = false
		case c == '#':
			next := bytes.IndexByte(list[i:], '\n')
			if next < 0 {
				return end, open
			}
			i += next
		}
	}
	return end, open
}

// list is the inside of a list, one file on a line.
func (d *document) list(entries []entry) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%s  %s, # %s", d.end(), strconv.Quote(e.path), e.comment)
	}
	return b.String()
}

// add is a new group at the end of the file.
func (d *document) add(g Group, roots, intermediates []entry) change {
	end := d.end()
	var b strings.Builder
	if n := len(d.text); n > 0 && d.text[n-1] != '\n' {
		b.WriteString(end)
	}
	quoted := func(list []string) string {
		texts := make([]string, len(list))
		for i, text := range list {
			texts[i] = strconv.Quote(text)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	}
	for _, line := range []string{
		"", "[[trust_group]]", "name = " + strconv.Quote(g.Name),
		"roots = [" + d.list(roots) + end + "]", "intermediates = [" + d.list(intermediates) + end + "]",
		"required_policies = " + quoted(g.RequiredPolicies), "refused_policies = " + quoted(g.RefusedPolicies),
	} {
		b.WriteString(line + end)
	}
	return change{span{len(d.text), len(d.text)}, b.String()}
}

// unread is the error of a settings file that cannot be read.
func unread(path string, err error) error {
	return &tomlfile.Error{File: path, Text: "cannot be read: " + err.Error()}
}
