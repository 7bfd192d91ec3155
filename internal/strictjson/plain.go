package strictjson

import (
	"bytes"
	"encoding/json"
)

// plainObject reads an object as programs mostly write them, in one pass: its values are
// strings and such objects, and its strings printable ASCII without escapes. ok is false
// for any other text, right or wrong, about which Check decides: what is read here is a
// small part of what Check accepts.
func plainObject(text []byte) (members map[string]json.RawMessage, ok bool) {
	text = bytes.Clone(text) // the members are parts of it
	p := plain{text: text, members: map[string]json.RawMessage{}}
	p.space()
	if !p.object(0) {
		return nil, false
	}
	p.space()
	return p.members, p.at == len(text)
}

type plain struct {
	text    []byte
	at      int
	members map[string]json.RawMessage // of the outermost object
}

// mostPlain is how many members an object has at most that is read here: its names are
// compared each with each.
const mostPlain = 16

func (p *plain) object(depth int) bool {
	if depth >= MaxDepth || !p.sign('{') { // what is in it is nested once more, a string too
		return false
	}
	if p.space(); p.sign('}') {
		return true
	}
	var names [mostPlain][]byte
	for n := 0; n < mostPlain; n++ {
		name, ok := p.string()
		if !ok {
			return false
		}
		for _, other := range names[:n] {
			if bytes.Equal(name, other) {
				return false
			}
		}
		names[n] = name
		if p.space(); !p.sign(':') {
			return false
		}
		p.space()
		begin := p.at
		if p.at < len(p.text) && p.text[p.at] == '{' {
			ok = p.object(depth + 1)
		} else {
			_, ok = p.string()
		}
		if !ok {
			return false
		}
		if depth == 0 {
			p.members[string(name)] = p.text[begin:p.at:p.at]
		}
		if p.space(); p.sign('}') {
			return true
		}
		if !p.sign(',') {
			return false
		}
		p.space()
	}
	return false
}

// sign passes over a byte.
func (p *plain) sign(c byte) bool {
	if p.at >= len(p.text) || p.text[p.at] != c {
		return false
	}
	p.at++
	return true
}

func (p *plain) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// string passes over a string and returns what is between its quotes.
func (p *plain) string() ([]byte, bool) {
	if !p.sign('"') {
		return nil, false
	}
	begin := p.at
	for i, c := range p.text[begin:] {
		switch {
		case c == '"':
			p.at = begin + i + 1
			return p.text[begin : begin+i], true
		case c < ' ' || c > '~' || c == '\\':
			return nil, false
		}
	}
	return nil, false
}
