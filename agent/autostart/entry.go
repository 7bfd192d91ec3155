package autostart

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// DesktopEntry is the autostart entry of the XDG Desktop Application Autostart
// Specification for a program. packaging/linux holds it for the packages.
func DesktopEntry(program string) (string, error) { return startEntry(program, AtLogin) }

// startEntry is the autostart entry that gives the program these arguments.
func startEntry(program string, args []string) (string, error) {
	quoted, err := quoteExec(program)
	if err != nil {
		return "", err
	}
	return `[Desktop Entry]
Type=Application
Name=CPx Bridge
Comment=` + texts.In(language.English).Text("autostart.comment") + `
Comment[fr]=` + texts.In(language.French).Text("autostart.comment") + `
TryExec=` + escape(program) + `
Exec=` + escape(quoted) + ` ` + strings.Join(args, " ") + `
Icon=cpx-bridge
Terminal=false
NoDisplay=true
StartupNotify=false
`, nil
}

// MenuEntry is the entry of the applications' menu for a program (Desktop Entry
// Specification, Desktop Menu Specification). packaging/linux holds it for the packages.
func MenuEntry(program string) (string, error) {
	quoted, err := quoteExec(program)
	if err != nil {
		return "", err
	}
	in := func(lang string, key texts.Key) string { return texts.In(lang).Text(key) }
	return `[Desktop Entry]
Type=Application
Name=CPx Bridge
GenericName=` + in(language.English, "autostart.generic") + `
GenericName[fr]=` + in(language.French, "autostart.generic") + `
Comment=` + in(language.English, "autostart.comment") + `
Comment[fr]=` + in(language.French, "autostart.comment") + `
Keywords=` + list(in(language.English, "autostart.keywords")) + `
Keywords[fr]=` + list(in(language.French, "autostart.keywords")) + `
TryExec=` + escape(program) + `
Exec=` + escape(quoted) + ` ` + strings.Join(AtClick, " ") + `
Icon=cpx-bridge
Terminal=false
Categories=Utility;
StartupNotify=false
`, nil
}

// list is a value of several strings, which the text has with spaces between them.
func list(all string) string { return strings.Join(strings.Fields(all), ";") + ";" }

// hidden is the entry that disables for one person what is installed for everyone.
const hidden = `[Desktop Entry]
Type=Application
Name=CPx Bridge
Hidden=true
`

// quoteExec quotes a program's path for the Exec key (Desktop Entry
// Specification, "The Exec key"), before the escapes that every string needs. The
// sign = is forbidden there, and GLib takes %% in a program's path literally.
func quoteExec(program string) (string, error) {
	if !strings.HasPrefix(program, "/") || !utf8.ValidString(program) || strings.ContainsAny(program, "=%\n\r\t") {
		return "", fmt.Errorf("autostart: %q cannot stand in a desktop entry: an absolute path without the signs = and %% is needed", program)
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`)
	return `"` + quote.Replace(program) + `"`, nil
}

// escape escapes a value of the type string.
func escape(value string) string { return strings.ReplaceAll(value, `\`, `\\`) }

func unescape(value string) string {
	return strings.NewReplacer(`\\`, `\`, `\s`, " ", `\n`, "\n", `\t`, "\t", `\r`, "\r").Replace(value)
}

// entry is what matters of a desktop entry.
type entry struct {
	enabled bool
	ours    bool     // it bears the mark
	noMenu  bool     // it stands in no menu
	made    []string // the folders that were made for it, in the person's own
	icons   []string // the sums of those written with it
	tryExec string
	exec    []string // the program and its arguments
}

// started is the program that the desktop starts, and whether it restarts the agent after
// a crash.
func (e entry) started() (program string, supervised bool) {
	if len(e.exec) == 0 {
		return e.tryExec, false
	}
	return e.exec[0], slices.Contains(e.exec, supervise)
}

// splitExec is the reverse of quoteExec: the arguments of an Exec key, without the escapes
// of a string.
func splitExec(value string) (args []string) {
	var arg strings.Builder
	quoted, begun, escaped := false, false, false
	for _, r := range value {
		switch {
		case escaped:
			arg.WriteRune(r)
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted, begun = !quoted, true
		case r == ' ' && !quoted:
			if begun {
				args = append(args, arg.String())
			}
			arg.Reset()
			begun = false
		default:
			begun = true
			arg.WriteRune(r)
		}
	}
	if begun {
		args = append(args, arg.String())
	}
	return args
}

// madeKey is a key of our own in the person's entry of the menu: the folders that were made
// for it and its icons, which go with it where they are empty.
const madeKey = "X-CPxBridge-Folders"

// iconsKey is another: the SHA-256 of each icon that was written with it, by which another
// version of this program, which draws them otherwise, knows them.
const iconsKey = "X-CPxBridge-Icons"

// parts is the reverse of strings in one value.
func parts(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ';' })
}

// markKey is a key of our own in what was written for one person: without it, an entry of this
// name may be the person's own work. The packages' entries do not bear it, because a person
// who changes one begins with a copy of it.
const markKey = "X-CPxBridge"

const mark = markKey + "=true\n"

// parseEntry reads the group Desktop Entry. Hidden means that the entry counts as
// absent; GNOME and others disable entries by a key of their own.
func parseEntry(text []byte) entry {
	e := entry{enabled: true}
	group, found := "", false
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			group = line
			found = found || group == "[Desktop Entry]"
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || group != "[Desktop Entry]" {
			continue
		}
		switch value = strings.TrimSpace(value); strings.TrimSpace(key) {
		case "Hidden":
			e.enabled = e.enabled && value != "true"
		case "X-GNOME-Autostart-enabled":
			e.enabled = e.enabled && value != "false"
		case "NoDisplay":
			e.noMenu = value == "true"
		case markKey:
			e.ours = value == "true"
		case madeKey:
			e.made = parts(unescape(value))
		case iconsKey:
			e.icons = parts(value)
		case "TryExec":
			e.tryExec = unescape(value)
		case "Exec":
			e.exec = splitExec(unescape(value))
		}
	}
	e.enabled = e.enabled && found
	return e
}

// PropertyList is the LaunchAgent (launchd.plist(5)) for a program.
// packaging/macos holds it for the packages.
func PropertyList(program string) (string, error) {
	if !strings.HasPrefix(program, "/") || !utf8.ValidString(program) || strings.ContainsFunc(program, func(r rune) bool { return r < ' ' }) {
		return "", fmt.Errorf("autostart: %q cannot stand in a property list: an absolute path is needed", program)
	}
	var escaped bytes.Buffer
	if err := xml.EscapeText(&escaped, []byte(program)); err != nil {
		return "", err
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>` + label + `</string>
	<key>ProgramArguments</key>
	<array>
		<string>` + escaped.String() + `</string>
		<string>` + strings.Join(AtLogin, "</string>\n\t\t<string>") + `</string>
	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>Crashed</key>
		<true/>
	</dict>
	<key>LimitLoadToSessionType</key>
	<string>Aqua</string>
	<key>ProcessType</key>
	<string>Interactive</string>
</dict>
</plist>
`, nil
}
