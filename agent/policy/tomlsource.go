package policy

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
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

// readFile returns nil where the file does not exist; with an error what of it could be read. named says that the person named it.
func readFile(path string, named bool) (*source, error) { return new(rereader).read(path, named) }

// rereader reads a file now and then, and parses it where its text is another than the last good
// one: what a text means depends on nothing else. The sources that it returns are shared, and
// nobody changes them. It is for one caller at a time.
type rereader struct {
	path, text string
	source     *source // nil: there was no good one
}

// read is readFile.
func (r *rereader) read(path string, named bool) (*source, error) {
	if path == "" {
		return nil, nil
	}
	// Of pipes only one is read that whoever starts the program opened for it: nothing may ever
	// write to another, and the agent would hang.
	text, err := plainfile.ReadHanded(path, defaultPatience)
	if errors.Is(err, os.ErrNotExist) {
		if link := deadLink(path); link != "" {
			return nil, tomlfile.Refused(link, err, tomlfile.Say("settings.dead_link"))
		}
		return nil, nil
	}
	if err != nil {
		return nil, tomlfile.Refused(path, err, unread(err, named))
	}
	if r.source != nil && r.path == path && r.text == string(text) {
		return r.source, nil
	}
	s, err := parse(path, text)
	if err == nil {
		r.path, r.text, r.source = path, string(text), s
	}
	return s, err
}

// parse returns with an error what of the text could be read.
func parse(path string, text []byte) (*source, error) {
	file := reflect.New(fileType)
	lines, err := tomlfile.Decode(path, text, file.Interface())
	s := &source{path: path, system: thisSystem, values: map[string]any{}, lines: lines}
	s.collect(file.Elem(), "")
	if err != nil {
		return s, err
	}
	return s, s.check()
}

// deadLink is the link on the way to a file that leads nowhere, "" where there is none. Whoever
// made it wants settings to be there, perhaps stricter ones than those that hold without.
func deadLink(path string) string {
	for {
		if found, err := os.Lstat(path); err == nil {
			if _, err := os.Stat(path); found.Mode()&fs.ModeSymlink != 0 && errors.Is(err, os.ErrNotExist) {
				return path
			}
			return ""
		}
		above := filepath.Dir(path)
		if above == path {
			return ""
		}
		path = above
	}
}

// unread says why a file cannot be read, and what to do where that is known.
func unread(err error, named bool) tomlfile.Message {
	bad, irregular := errors.AsType[*plainfile.KindError](err)
	switch {
	case irregular && named: // it is needed, and it may be one that must not be replaced, as /dev/null
		return tomlfile.Say("settings.irregular_named", tomlfile.Say(kindTexts[bad.Kind]))
	case irregular:
		return tomlfile.Say("settings.irregular", tomlfile.Say(kindTexts[bad.Kind]))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return tomlfile.Say("settings.no_answer")
	case errors.Is(err, plainfile.ErrTooLong):
		return tomlfile.Say("settings.endless")
	}
	return tomlfile.Say("settings.unreadable", reason(err))
}

// kindTexts are what may stand in a settings file's place.
var kindTexts = map[plainfile.Kind]texts.Key{
	plainfile.Folder: "settings.is_folder",
	plainfile.Pipe:   "settings.is_pipe",
	plainfile.Socket: "settings.is_socket",
	plainfile.Device: "settings.is_device",
	plainfile.Other:  "settings.is_other",
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
