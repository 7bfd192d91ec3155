package policy

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// SettingsError is an invalid setting, with which the agent does not start.
type SettingsError = tomlfile.Error

// file is one settings file as written; nil is a key that it does not set.
type file struct {
	Modules  *[]string `toml:"modules"`
	Pinentry *string   `toml:"pinentry"`
	Lang     *string   `toml:"lang"`

	Notifications *bool `toml:"notifications"`

	Origins struct {
		Mode  *string   `toml:"mode"`
		Allow *[]string `toml:"allow"`
		Block *[]string `toml:"block"`
	} `toml:"origins"`
	Ports struct {
		First *int `toml:"first"`
		Count *int `toml:"count"`
	} `toml:"ports"`
	PIN struct {
		Session *string `toml:"session"`
	} `toml:"pin"`
	WSS struct {
		Enabled *bool `toml:"enabled"`
		First   *int  `toml:"first"`
		Count   *int  `toml:"count"`
	} `toml:"wss"`
	Log struct {
		Level *string `toml:"level"`
	} `toml:"log"`

	Limits struct {
		PINPad *string `toml:"pin_pad"`
		Card   *string `toml:"card"`
		Other  *string `toml:"other"`
	} `toml:"limits"`

	path  string
	lines tomlfile.Lines
}

// read returns nil where the file does not exist.
func read(path string) (*file, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &SettingsError{File: path, Text: "cannot be read: " + err.Error()}
	}
	f := &file{path: path}
	if f.lines, err = tomlfile.Decode(path, text, f); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *file) err(key, text string) error {
	return &SettingsError{File: f.path, Line: f.lines[key], Key: key, Text: text}
}

func (f *file) warning(key, text string) Warning {
	return Warning{File: f.path, Line: f.lines[key], Key: key, Text: text}
}

const maxSession = 4 * time.Hour

// check validates the values.
func (f *file) check() error {
	if f.Modules != nil {
		for _, path := range *f.Modules {
			if !absolute(path) {
				return f.err("modules", fmt.Sprintf("%q must be an absolute path", path))
			}
		}
	}
	if f.Pinentry != nil && *f.Pinentry != "" && !absolute(*f.Pinentry) {
		return f.err("pinentry", fmt.Sprintf("%q must be an absolute path", *f.Pinentry))
	}
	if f.Lang != nil && *f.Lang != "" && !language.Known(*f.Lang) {
		return f.err("lang", fmt.Sprintf("%q: the languages are fr and en", *f.Lang))
	}
	if m := f.Origins.Mode; m != nil && *m != ModeAsk && *m != ModeListed {
		return f.err("origins.mode", fmt.Sprintf("%q: the modes are ask and listed", *m))
	}
	for key, list := range map[string]*[]string{"origins.allow": f.Origins.Allow, "origins.block": f.Origins.Block} {
		if list == nil {
			continue
		}
		for _, text := range *list {
			if _, err := parsePattern(text); err != nil {
				return f.err(key, err.Error())
			}
		}
	}
	if err := f.checkPorts("ports", f.Ports.First, f.Ports.Count); err != nil {
		return err
	}
	if err := f.checkPorts("wss", f.WSS.First, f.WSS.Count); err != nil {
		return err
	}
	if l := f.Log.Level; l != nil && !levels[*l] {
		return f.err("log.level", fmt.Sprintf("%q: the levels are debug, info, warn and error", *l))
	}
	for key, value := range map[string]*string{"limits.pin_pad": f.Limits.PINPad, "limits.card": f.Limits.Card, "limits.other": f.Limits.Other} {
		if err := f.checkLimit(key, value); err != nil {
			return err
		}
	}
	return f.checkSession()
}

// A limit below a second would end modules that work; one above ten minutes would
// let a person wait for a module that does not.
const minLimit, maxLimit = time.Second, 10 * time.Minute

func (f *file) checkLimit(key string, value *string) error {
	if value == nil {
		return nil
	}
	if d, err := time.ParseDuration(*value); err != nil || d < minLimit || d > maxLimit {
		return f.err(key, fmt.Sprintf("%q: a duration from 1s to 10m, such as 30s", *value))
	}
	return nil
}

var levels = map[string]bool{"debug": true, "info": true, "warn": true, "error": true}

// defaultPorts is how many ports a range has where no count is written.
const defaultPorts = 10

func (f *file) checkPorts(table string, first, count *int) error {
	if first != nil && (*first < 1024 || *first > 65535) {
		return f.err(table+".first", fmt.Sprintf("%d: a port from 1024 to 65535", *first))
	}
	if count != nil && (*count < 1 || *count > 100) {
		return f.err(table+".count", fmt.Sprintf("%d: from 1 to 100", *count))
	}
	if first == nil {
		return nil // the default's range ends below with any count
	}
	key, n := table+".first", defaultPorts
	if count != nil {
		key, n = table+".count", *count
	}
	if *first+n-1 > 65535 {
		return f.err(key, "the range ends past port 65535")
	}
	return nil
}

func (f *file) checkSession() error {
	if f.PIN.Session == nil {
		return nil
	}
	d, err := time.ParseDuration(*f.PIN.Session)
	switch {
	case err != nil || d < 0:
		return f.err("pin.session", fmt.Sprintf("%q: a duration such as 30m", *f.PIN.Session))
	case d > maxSession:
		return f.err("pin.session", "4 h at most")
	}
	return nil
}
