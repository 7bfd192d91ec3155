package journal

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Attr is a value of a line.
type Attr struct{ Key, Value string }

// Line is a line of the log as it was written.
type Line struct {
	Time    time.Time
	Level   string
	Message string
	Attrs   []Attr
}

// Value is the value under a key, "" where there is none.
func (l Line) Value(key string) string {
	for _, a := range l.Attrs {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}

// Read is what a log's file in the state folder has, and those that were set aside for it,
// from the oldest line on. name is Name or AuditName. A log that there is not is no error.
// What is no line of a log, such as the rest of a torn one, is left out.
func Read(stateDir, name string) (all []Line, err error) {
	for _, file := range filesOf(stateDir, name) {
		some, readErr := readFile(file)
		all, err = append(all, some...), errors.Join(err, readErr)
	}
	return all, err
}

// filesOf are a log's files, the oldest first: those set aside have their time in the name.
func filesOf(stateDir, name string) []string {
	kind := filepath.Ext(name)
	aside, _ := filepath.Glob(filepath.Join(stateDir, strings.TrimSuffix(name, kind)+"-*"+kind)) // the pattern is good
	slices.Sort(aside)
	return append(aside, filepath.Join(stateDir, name))
}

// longestLine is more than any that is written.
const longestLine = 1 << 20

func readFile(file string) ([]Line, error) {
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, notAFile(file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []Line
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, longestLine)
	for scan.Scan() {
		if l, is := parse(scan.Text()); is {
			all = append(all, l)
		}
	}
	return all, scan.Err()
}

// parse reads a line as slog's handler for text writes it.
func parse(text string) (l Line, is bool) {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimLeft(text, " ") {
		key, rest, found := strings.Cut(text, "=")
		if !found || key == "" || strings.ContainsAny(key, " \"") {
			return l, false
		}
		value, after := rest, ""
		if quoted, err := strconv.QuotedPrefix(rest); err == nil && strings.HasPrefix(rest, `"`) {
			value, _ = strconv.Unquote(quoted)
			after = rest[len(quoted):]
		} else {
			value, after, _ = strings.Cut(rest, " ")
		}
		text = after
		switch {
		case key == "time" && l.Time.IsZero():
			at, err := time.Parse(time.RFC3339, value)
			if err != nil {
				return l, false
			}
			l.Time = at
		case key == "level" && l.Level == "":
			l.Level = value
		case key == "msg" && l.Message == "":
			l.Message = value
		default:
			l.Attrs = append(l.Attrs, Attr{key, value})
		}
	}
	return l, !l.Time.IsZero() && l.Level != ""
}
