package command

import (
	"fmt"
	"slices"
	"strings"
)

const usage = `Usage: cpx-agent [COMMAND] [OPTIONS]

  run                 serve the browser on this machine (the default); --no-tray
                      where one runs already, show its state
  certs [--json]      list readers, cards and certificates; asks for no PIN
  certs use ID        the certificate that the next logins use
  sites [--json]      the sites that you always allow
  sites forget SITE   ask you again at this site
  autostart [status|enable|disable]
                      whether the agent starts with your desktop
  doctor [--json]     what is wrong on this workstation and what to do; changes
                      nothing, asks for no PIN; --identity names holders too
  policy              the settings in force, each with where it comes from
  policy browsers     the browsers' policies that let your portals reach the agent
  wss install|remove|status
                      the certificate for wss (Safari)
  version

` + everyCommand + `
` + exits + `
cpx-agent COMMAND --help says more of a command.
`

const everyCommand = `Every command takes
  --config FILE       in place of your own settings file
  --lang fr|en        the language of what a command prints; run has the setting
                      lang. Without either: what was chosen in the menu, then the
                      setting, then LC_ALL, LC_MESSAGES, LANG; French where those
                      are unset, C or POSIX, English for other languages.
`

const exits = `Exit status: 0 good, 1 a problem was found, 2 wrong use or bad settings.
`

// verb is what may follow a command's name.
type verb struct {
	name string // "": the command stands alone
	arg  string // what it needs, "" for nothing
	what string // that in words, with an example
}

// spec is one command. Its help and what is wrong with its use are English only.
type spec struct {
	name  string
	verbs []verb
	flags []string
	help  string
}

var alone = []verb{{}}

var specs = []spec{
	{name: "run", verbs: alone, flags: []string{"no-tray"}, help: `Usage: cpx-agent [run] [--no-tray] [--config FILE]

Serves the browser on this machine until you quit it in its menu, or until
Ctrl-C. Where an agent of yours runs already, that one shows its state, and this
command prints it.

  --no-tray           without the menu beside the clock

Exit status: 0 it ended well, or one runs already; 1 it cannot serve, or the one
that runs does not answer; 2 wrong use or bad settings.
`},
	{name: "certs", verbs: []verb{{}, {"use", "ID", "the certificate, or the beginning of its ID: cpx-agent certs use 3f2a"}}, flags: []string{"json"}, help: `Usage: cpx-agent certs [--json]
       cpx-agent certs use ID

Lists readers, cards and certificates, and why a certificate cannot be used.
Asks for no PIN. ` + "`certs use`" + ` chooses the certificate of the next logins, by its
ID or the beginning of it, also for an agent that is running.

  --json              for programs

Exit status: 0 a certificate can be used, or was chosen; 1 none can, or none was;
2 wrong use or bad settings.
`},
	{name: "sites", verbs: []verb{{}, {"forget", "SITE", "the site: cpx-agent sites forget https://portail.example.fr"}}, flags: []string{"json"}, help: `Usage: cpx-agent sites [--json]
       cpx-agent sites forget SITE [--json]

Lists the sites that you always allow, or has one ask you again.

  --json              for programs; never asks you to unlock the keyring

Exit status: 0 good; 1 nothing can be remembered, or the site could not be
forgotten; 2 wrong use or bad settings.
`},
	{name: "autostart", verbs: []verb{{}, {name: "status"}, {name: "enable"}, {name: "disable"}}, help: `Usage: cpx-agent autostart [status|enable|disable]

Says whether the agent starts with your desktop, and which file or key says so;
changes it for you, without rights.

Exit status: 0 it was told, started or not, or changed; 1 what should start is
missing, or it could not be changed; 2 wrong use or bad settings.
`},
	{name: "doctor", verbs: alone, flags: []string{"json", "identity"}, help: `Usage: cpx-agent doctor [--json] [--identity]

Looks at all that a login needs, and says what is wrong and what to do. Changes
nothing, asks nobody anything, sends no PIN to a card. Run it as the person, on
that person's desktop; from afar as that person too:

  sudo -u PERSON XDG_RUNTIME_DIR=/run/user/UID cpx-agent doctor

  --json              for programs; also where the settings are bad
  --identity          name holders, certificates, people and personal folders

✓ good, ! good to know and no hindrance, ? it cannot be told, ✗ a problem.

Exit status: 0 no problem; 1 a problem was found; 2 wrong use or bad settings.
`},
	{name: "policy", verbs: []verb{{}, {name: "browsers"}}, help: `Usage: cpx-agent policy
       cpx-agent policy browsers --origin PORTAL [--origin PORTAL]... [OPTIONS]
       cpx-agent policy browsers --remove [OPTIONS]

Shows the settings in force, each with where it comes from. ` + "`policy browsers`" + `
shows what lets the portals reach the agent without the browser's question.

  --origin PORTAL     such as https://portail.example.fr; again for each
  --write             write it, as an administrator
  --remove            take our entries away again; with --write
  --browser LIST      of chrome, edge, chromium, firefox
  --os SYSTEM         linux, windows or macos: another system's form
  --dir FOLDER        write into this folder in place of the system
  --older-edge        for Edge 140 to 145 too

Exit status: 0 good; 1 a setting is not taken, or a place was left as it is;
2 wrong use or bad settings.
`},
	{name: "wss", verbs: []verb{{name: "install"}, {name: "remove"}, {name: "status"}}, help: `Usage: cpx-agent wss install|remove|status

Makes the certificate for wss, which Safari needs, and has it trusted; takes all
of it back; says how it stands.

Exit status: 0 good; 1 something failed, or status found no certificate that is
valid, trusted and switched on; 2 wrong use or bad settings.
`},
	{name: "version", verbs: alone, help: "Usage: cpx-agent version\n"},
	{name: "help", verbs: alone, help: usage},
}

func specOf(name string) (spec, bool) {
	i := slices.IndexFunc(specs, func(s spec) bool { return s.name == name })
	if i < 0 {
		return spec{}, false
	}
	return specs[i], true
}

func commandNames() string {
	var names []string
	for _, s := range specs {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// misuse says what is wrong with the words of a command, "" for nothing.
func misuse(words []string) string {
	s, ok := specOf(words[0])
	if !ok {
		return fmt.Sprintf("unknown command %q; there are %s", words[0], commandNames())
	}
	given := ""
	if len(words) > 1 {
		given = words[1]
	}
	i := slices.IndexFunc(s.verbs, func(v verb) bool { return v.name == given })
	switch {
	case i < 0 && given == "":
		return fmt.Sprintf("%s needs one of %s", s.name, s.verbNames())
	case i < 0 && s.verbNames() == "":
		return fmt.Sprintf("%s takes nothing more: %q", s.name, given)
	case i < 0:
		return fmt.Sprintf("%s takes %s, not %q", s.name, s.verbNames(), given)
	}
	v := s.verbs[i]
	wanted := 2
	if v.arg != "" {
		wanted = 3
	}
	switch said := strings.Join(words[:min(len(words), 2)], " "); {
	case v.name != "" && len(words) < wanted:
		return said + " needs " + v.what
	case len(words) > wanted:
		return fmt.Sprintf("%s: %q is too much", strings.Join(words[:wanted], " "), words[wanted])
	}
	return ""
}

func (s spec) verbNames() string {
	var names []string
	for _, v := range s.verbs {
		if v.name != "" {
			names = append(names, v.name)
		}
	}
	return strings.Join(names, ", ")
}

// more is where a command's own help stands.
func more(words []string) string {
	if len(words) > 0 {
		if s, ok := specOf(words[0]); ok && s.name != "help" {
			return "cpx-agent " + s.name + " --help"
		}
	}
	return "cpx-agent --help"
}
