package browsers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// recordFile records which entries are ours, on Linux.
const recordFile = "/etc/cpx-bridge/browsers.json"

type record struct {
	Version int    `json:"version"`
	Files   []ours `json:"files"`
	// Folders are those that we made, without the root: no other is ever removed. Above are
	// the root and those above it, as whole paths.
	Folders []string `json:"folders,omitempty"`
	Above   []string `json:"above,omitempty"`
}

// ours is what we put into one list of one file.
type ours struct {
	File    string   `json:"file"`
	List    []string `json:"list"`
	Values  []string `json:"values"`
	Made    int      `json:"made"`    // how many parts of the path to the list we made, from its end
	NewFile bool     `json:"newFile"` // we made the file
}

func readRecord(root string) (record, error) {
	r := record{Version: 1}
	text, err := readInside(root, recordFile)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err == nil && r.Version != 1 {
		err = fmt.Errorf("version %d is of a newer program", r.Version)
	}
	if err != nil {
		return r, fmt.Errorf("%w: %s: %w", ErrRecord, in(root, recordFile), err)
	}
	return r, nil
}

func (r record) find(file string, list []string) (ours, bool) {
	i := slices.IndexFunc(r.Files, func(o ours) bool { return o.File == file && slices.Equal(o.List, list) })
	if i < 0 {
		return ours{}, false
	}
	return r.Files[i], true
}

// made reports whether we made the list.
func (r record) made(file string, list []string) bool {
	o, ok := r.find(file, list)
	return ok && o.Made > 0
}

func (r record) of(file string) []ours {
	return slices.DeleteFunc(slices.Clone(r.Files), func(o ours) bool { return o.File != file })
}

// with replaces what is recorded of one file. Of a list that occurs twice the later
// record counts, with the values of both.
func (r record) with(file string, list []ours) record {
	out := record{Version: 1, Folders: r.Folders, Above: r.Above, Files: slices.DeleteFunc(slices.Clone(r.Files), func(o ours) bool { return o.File == file })}
	for _, o := range list {
		i := slices.IndexFunc(out.Files, func(x ours) bool { return x.File == o.File && slices.Equal(x.List, o.List) })
		if i < 0 {
			out.Files = append(out.Files, o)
			continue
		}
		for _, v := range out.Files[i].Values {
			if !slices.Contains(o.Values, v) {
				o.Values = append(slices.Clone(o.Values), v)
			}
		}
		out.Files[i] = o
	}
	return out
}

func (r record) write(path string) error {
	if len(r.Files) == 0 {
		err := os.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return replace(path, filepath.Dir(path), append(text, '\n'), "")
}
