package command

import (
	"cmp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// ManPage returns the command line's manual page in a language, as troff with the
// macros of man(7). Its texts are those of the help.
func ManPage(lang string) string {
	s := &invocation{Catalogue: texts.In(lang), lang: lang}
	root := s.commands()
	translate(root, s.Catalogue)
	var m page
	m.line(`.\" Generated from the help of the commands. Do not edit:`)
	m.line(`.\" go test ./agent/command -run TestManPage -update`)
	m.line(`.TH CPX\-AGENT 1 "" "CPx Bridge"`)
	m.section(s.Text("command.man.name"))
	m.text("cpx-agent - " + root.Short)
	m.section("SYNOPSIS")
	m.text(usageLine(root))
	m.section("DESCRIPTION")
	m.text(s.Text("command.man.about"))
	m.section(s.Text("command.man.commands"))
	for _, c := range root.Commands() {
		m.command(c)
	}
	m.section("OPTIONS")
	m.text(s.Text("command.help.every"))
	m.options(root)
	m.section(s.Text("command.man.status"))
	m.text(string(aboutOf(root).exits))
	m.section(s.Text("command.man.files"))
	m.item("/etc/cpx-bridge/policy.toml", s.Text("command.man.file_policy"))
	m.item("~/.config/cpx-bridge/config.toml", s.Text("command.man.file_settings"))
	m.item("~/.local/state/cpx-bridge/agent.log", s.Text("command.man.file_log"))
	return m.String()
}

// page is a manual page being written.
type page struct{ strings.Builder }

func (m *page) line(text string) { m.WriteString(text + "\n") }

func (m *page) section(title string) { m.line(".SH " + troff(title)) }

// item writes a term and its description.
func (m *page) item(name, text string) {
	m.line(".TP")
	m.line(`\fB` + troff(name) + `\fR`)
	m.text(text)
}

func (m *page) options(commands ...*cobra.Command) {
	for _, o := range options(commands...) {
		m.item(o.form, o.Usage)
	}
}

// command writes a command with its subcommands.
func (m *page) command(c *cobra.Command) {
	m.line(".SS " + c.Name())
	if verbs := usable(c); len(verbs) > 1 {
		for _, verb := range verbs {
			m.item(usageLine(verb), verb.Short)
		}
	} else {
		m.text(usageLine(c))
	}
	m.line(".PP")
	m.text(cmp.Or(c.Long, c.Short))
	m.options(usable(c)...)
	if exits := string(aboutOf(c).exits); exits != "" {
		m.line(".PP")
		m.text(exits)
	}
}

// text writes paragraphs. Indented lines are not filled.
func (m *page) text(text string) {
	example := false
	for _, line := range strings.Split(text, "\n") {
		switch indented := strings.HasPrefix(line, "  "); {
		case indented && !example:
			m.line(".nf")
		case !indented && example:
			m.line(".fi")
		}
		example = strings.HasPrefix(line, "  ")
		if line == "" {
			line = ".PP"
		} else {
			line = troff(line)
		}
		m.line(line)
	}
	if example {
		m.line(".fi")
	}
}

// troff escapes a text so that nothing in it is a request, and a hyphen can be
// copied into a shell.
func troff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", `\(ga`, "'", `\(aq`, "~", `\(ti`).Replace(text)
	if strings.HasPrefix(text, ".") {
		return `\&` + text
	}
	return text
}
