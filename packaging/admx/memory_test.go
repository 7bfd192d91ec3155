package main

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
)

// memory is a registry of the test's own: keys by their names, each with its values.
type memory struct {
	keys map[string]map[string]policy.Value
}

func newMemory() *memory { return &memory{keys: map[string]map[string]policy.Value{}} }

func (m *memory) clear(*testing.T) { clear(m.keys) }

func (m *memory) Set(key, name string, kind uint32, data []byte) error {
	for at := key; at != ""; at = above(at) {
		if m.keys[at] == nil {
			m.keys[at] = map[string]policy.Value{}
		}
	}
	m.keys[key][name] = policy.Value{Name: name, Type: kind, Data: data}
	return nil
}

func (m *memory) Delete(key, name string) error {
	delete(m.keys[key], name)
	return nil
}

func (m *memory) Values(key string) ([]string, error) {
	return slices.Collect(maps.Keys(m.keys[key])), nil
}

func (m *memory) expanded(path string) string {
	return strings.NewReplacer("%ProgramFiles%", `C:\Program Files`, "%ProgramFiles(x86)%", `C:\Program Files (x86)`).Replace(path)
}

func (m *memory) paths() policy.Paths {
	return policy.Paths{Registry: &policy.Registry{
		Name:   `HKLM\` + policy.PolicyKey,
		Open:   func() (policy.Key, error) { return m.open(policy.PolicyKey) },
		Expand: func(variable string) (string, bool) { return m.expanded("%" + variable + "%"), true },
	}}
}

func (m *memory) open(path string) (policy.Key, error) {
	if m.keys[path] == nil {
		return nil, fs.ErrNotExist
	}
	return memoryKey{m, path}, nil
}

type memoryKey struct {
	of   *memory
	path string
}

func (k memoryKey) Values() ([]policy.Value, error) {
	return slices.Collect(maps.Values(k.of.keys[k.path])), nil
}

func (k memoryKey) Keys() (names []string, err error) {
	for path := range k.of.keys {
		if above(path) == k.path {
			names = append(names, path[len(k.path)+1:])
		}
	}
	return names, nil
}

func (k memoryKey) Open(name string) (policy.Key, error) { return k.of.open(k.path + `\` + name) }
func (k memoryKey) Close() error                         { return nil }

func above(path string) string {
	i := strings.LastIndexByte(path, '\\')
	return path[:max(i, 0)]
}
