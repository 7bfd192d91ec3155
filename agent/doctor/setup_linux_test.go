package doctor

import (
	"encoding/binary"
	"io/fs"
	"testing"
	"unicode/utf16"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
)

// textKey is a key of a registry whose values are texts.
type textKey map[string]string

func (k textKey) Values() (list []policy.Value, err error) {
	for name, text := range k {
		v := policy.Value{Name: name, Type: 1}
		for _, unit := range utf16.Encode([]rune(text)) {
			v.Data = binary.LittleEndian.AppendUint16(v.Data, unit)
		}
		list = append(list, v)
	}
	return list, nil
}

func (k textKey) Keys() ([]string, error)         { return nil, nil }
func (k textKey) Open(string) (policy.Key, error) { return nil, fs.ErrNotExist }
func (k textKey) Close() error                    { return nil }

// besideSetup are the settings where an installer was given some and group policy has a key.
func besideSetup(t *testing.T, policies, setup textKey) *policy.Effective {
	t.Helper()
	registry := func(name string, key textKey) *policy.Registry {
		return &policy.Registry{Name: name, Open: func() (policy.Key, error) { return key, nil }}
	}
	paths := policy.Paths{Registry: registry(`HKLM\SOFTWARE\Policies\CPxBridge`, policies)}
	paths.Registry.Otherwise = registry(`HKLM\SOFTWARE\CPxBridge\Settings`, setup)
	e, err := policy.Load(paths)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
