package policy

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// fileType is the structure of a settings file, made of the definitions: each key a
// pointer, nil where the file does not set it.
var fileType = structure("")

func structure(section string) reflect.Type {
	var fields []reflect.StructField
	add := func(name string, kind reflect.Type) {
		// Go wants an exported name; the file's own is the tag.
		fields = append(fields, reflect.StructField{Name: "F_" + name, Type: kind, Tag: reflect.StructTag(`toml:"` + name + `"`)})
	}
	known := map[string]bool{}
	for i := range definitions {
		d := &definitions[i]
		switch inSection := d.Section(); {
		case inSection == section:
			add(d.Name(), reflect.PointerTo(d.Kind.inFile()))
		case section == "" && !known[inSection]:
			known[inSection] = true
			add(inSection, structure(inSection))
		}
	}
	return reflect.StructOf(fields)
}

// inFile is the type that a value of the kind has in a file.
func (k Kind) inFile() reflect.Type {
	switch {
	case k.List():
		return reflect.TypeFor[[]string]()
	case k == KindNumber:
		return reflect.TypeFor[int]()
	case k == KindSwitch:
		return reflect.TypeFor[bool]()
	}
	return reflect.TypeFor[string]()
}

// readFile returns nil where the file does not exist.
func readFile(path string) (*source, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, tomlfile.Refused(path, err, tomlfile.Say("settings.unreadable", reason(err)))
	}
	file := reflect.New(fileType)
	lines, err := tomlfile.Decode(path, text, file.Interface())
	if err != nil {
		return nil, err
	}
	s := &source{path: path, system: thisSystem, values: map[string]any{}, lines: lines}
	s.collect(file.Elem(), "")
	return s, s.check()
}

// reason is why a file cannot be read, without the path that the message names already.
func reason(err error) error {
	if bad, is := errors.AsType[*fs.PathError](err); is {
		return bad.Err
	}
	return err
}

// collect takes what a structure sets.
func (s *source) collect(from reflect.Value, before string) {
	for i := range from.NumField() {
		name, field := strings.TrimPrefix(from.Type().Field(i).Name, "F_"), from.Field(i)
		switch {
		case field.Kind() == reflect.Struct:
			s.collect(field, name+".")
		case !field.IsNil():
			s.values[before+name] = field.Elem().Interface()
		}
	}
}
