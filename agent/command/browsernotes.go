package command

import (
	"errors"
	"runtime"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/browsers"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// impossible says why a request cannot be planned.
func (b *browsersRun) impossible(err error) string {
	switch {
	case errors.Is(err, browsers.ErrInexpressible):
		own := slices.DeleteFunc(slices.Clone(b.Origins), func(o string) bool { return len(browsers.Expressible([]string{o})) > 0 })
		return b.Text("command.browsers.unsayable", strings.Join(own, ", "))
	case errors.Is(err, browsers.ErrRecord):
		return b.Text("command.browsers.record", because(err, browsers.ErrRecord))
	}
	return err.Error()
}

// notes are what an administrator has to know about the policies printed or
// written. written are those of the changes that were.
func (b *browsersRun) notes(changes, written []browsers.Change) []string {
	var (
		adding   = !b.remove && !b.OnlyShared
		sharing  = !b.remove && b.shared
		windows  = b.System == browsers.Windows
		firefox  = slices.Contains(b.Browsers, browsers.Firefox)
		edge     = slices.Contains(b.Browsers, browsers.Edge)
		imported = b.System != runtime.GOOS && b.System != browsers.Linux || b.Root != ""
		changed  = slices.ContainsFunc(changes, func(c browsers.Change) bool { return c.Changed })
		applied  = slices.ContainsFunc(written, func(c browsers.Change) bool { return c.Changed })
		wildcard = slices.ContainsFunc(b.Origins, func(s string) bool { return strings.Contains(s, "*.") })
		notes    []string
	)
	for _, note := range []struct {
		when bool
		text texts.Key
	}{
		{b.remove && len(changes) == 0, "command.browsers.nothing"},
		{adding && wildcard, "command.browsers.wildcard"},
		{adding && firefox, "command.browsers.firefox_wide"},
		{adding && b.OlderEdge && edge, "command.browsers.older_edge"},
		{sharing, "command.browsers.shared_before"},
		{adding && firefox && imported && windows, "command.browsers.number_on"},
		{sharing && imported && windows, "command.browsers.import_shared"},
		{!b.remove && imported && windows, "command.browsers.import_keys"},
		{!b.remove && imported && b.System == browsers.MacOS, "command.browsers.import_mac"},
		{!b.write && changed && (!imported || b.Root != ""), "command.browsers.not_written"},
		{applied && !imported && b.OnlyShared, "command.browsers.reload_shared"},
		{applied && !imported && !b.OnlyShared && !b.remove, "command.browsers.reload"},
		{applied && !imported && !b.OnlyShared && b.remove, "command.browsers.reload_removed"}, // the program may be on its way out too
	} {
		if note.when {
			notes = append(notes, b.Text(note.text))
		}
	}
	return notes
}
