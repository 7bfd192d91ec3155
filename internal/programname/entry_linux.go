package programname

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// keys are those of the group [Desktop Entry] of an entry of the applications' menu, as the
// Desktop Entry Specification (version 1.5) has them, with their values as they stand there.
type keys map[string]string

var errEntry = errors.New("programname: not an entry of the applications' menu")

// parse reads an entry. Other groups are left out: each names an action, such as a private
// window, and not the program.
func parse(file []byte) (keys, error) {
	if !utf8.Valid(file) || bytes.IndexByte(file, 0) >= 0 {
		return nil, errEntry
	}
	found := keys{}
	group := ""
	for line := range strings.Lines(string(file)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			name, ok := strings.CutSuffix(strings.TrimRight(line[1:], " \t"), "]")
			if !ok || group == "" && name != "Desktop Entry" {
				return nil, errEntry
			}
			if group != "" && name == "Desktop Entry" {
				return nil, errEntry // two such groups: nobody can say which one another reader takes
			}
			group = name
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || group == "" {
			return nil, errEntry
		}
		if group != "Desktop Entry" {
			continue
		}
		key = strings.TrimSpace(key)
		if _, twice := found[key]; twice {
			return nil, errEntry
		}
		found[key] = strings.TrimSpace(value)
	}
	return found, nil
}

// text is a value of type localestring, in French or as it is without a language.
func (k keys) text(key string, french bool) string {
	if french {
		for _, locale := range []string{"fr_FR", "fr"} {
			if value := k[key+"["+locale+"]"]; value != "" {
				return unescaped(value)
			}
		}
	}
	return unescaped(k[key])
}

// unescaped takes out the escapes of values of type string.
func unescaped(value string) string {
	return strings.NewReplacer(`\\`, `\`, `\s`, " ", `\n`, "\n", `\t`, "\t", `\r`, "\r").Replace(value)
}

// name is the program's name without what it is: "Chromium" of "Chromium Web Browser".
func (k keys) name(french bool) string {
	name, generic := k.text("Name", french), k.text("GenericName", french)
	if french && k.text("Name", true) == k.text("Name", false) {
		generic = k.text("GenericName", false)
	}
	if short, ok := strings.CutSuffix(name, " "+generic); ok && generic != "" {
		name = short
	} else if short, ok := strings.CutPrefix(name, generic+" "); ok && generic != "" {
		name = short
	}
	return shown(name)
}

// entry is a browser's in the applications' menu.
type entry struct {
	id      string // the file's name without its suffix
	file    string
	names   names
	program string // what Exec starts, with nothing but what is opened; "": Exec does more
	flatpak string // the Flatpak's ID
	hidden  bool   // from the menu
}

// browser makes an entry of a file, where it is a browser's.
func browser(file string, content []byte) (e entry, ok bool) {
	k, err := parse(content)
	if err != nil || k["Type"] != "Application" || k["Hidden"] == "true" || !slices.Contains(strings.Split(k["Categories"], ";"), "WebBrowser") {
		return entry{}, false
	}
	e = entry{
		id: strings.TrimSuffix(filepath.Base(file), suffix), file: file,
		names: names{french: k.name(true), english: k.name(false)}, hidden: k["NoDisplay"] == "true",
		program: startedBy(unescaped(k["Exec"])), flatpak: k["X-Flatpak"],
	}
	return e, e.names.french != "" && e.names.english != ""
}

// startedBy is the program of an Exec value that starts a browser as such: nothing may
// stand behind it but field codes, for what is opened. A page as an application of its own
// (--app=…), a profile or a script of an interpreter is no browser's own entry, though the
// browser's file runs: its name is that of a site, or whoever made it chose it.
func startedBy(exec string) string {
	parts, ok := split(exec)
	if !ok || len(parts) == 0 {
		return ""
	}
	if base := filepath.Base(parts[0]); base == "env" {
		parts = parts[1:]
		for len(parts) > 0 && strings.Contains(parts[0], "=") && !strings.HasPrefix(parts[0], "-") {
			parts = parts[1:]
		}
	}
	if len(parts) == 0 || parts[0] == "" || strings.HasPrefix(parts[0], "-") || strings.Contains(parts[0], "%") {
		return ""
	}
	if slices.ContainsFunc(parts[1:], func(w string) bool { return !slices.Contains(fieldCodes, w) }) {
		return ""
	}
	return parts[0]
}

// fieldCodes are those of the specification ("The Exec key"), and what Flatpak puts around them.
var fieldCodes = []string{"%f", "%F", "%u", "%U", "%i", "%c", "%k", "%d", "%D", "%n", "%N", "%v", "%m"}

// split takes an Exec value apart into parts ("The Exec key": double quotes, and in them
// backslashes before `"$\ and the backquote).
func split(exec string) (parts []string, ok bool) {
	var word strings.Builder
	in, quoted := false, false
	for i := 0; i < len(exec); i++ {
		c := exec[i]
		switch {
		case quoted && c == '\\' && i+1 < len(exec) && strings.IndexByte("\"`$\\", exec[i+1]) >= 0:
			i++
			word.WriteByte(exec[i])
		case c == '"':
			in, quoted = true, !quoted
		case !quoted && (c == ' ' || c == '\t' || c == '\n'):
			if in {
				parts = append(parts, word.String())
				word.Reset()
			}
			in = false
		default:
			in = true
			word.WriteByte(c)
		}
	}
	if in {
		parts = append(parts, word.String())
	}
	return parts, !quoted
}
