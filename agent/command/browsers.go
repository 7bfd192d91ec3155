package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/browsers"
)

// browserOptions are of `policy browsers` alone.
type browserOptions struct {
	origins, browsers        several
	system, dir              string
	write, remove, olderEdge bool
}

// several is an option that may be given several times, or with commas.
type several []string

func (w *several) String() string { return strings.Join(*w, ",") }
func (w *several) Set(text string) error {
	*w = append(*w, strings.Split(text, ",")...)
	return nil
}

func (o *browserOptions) register(set *flag.FlagSet) {
	set.Var(&o.origins, "origin", "")
	set.Var(&o.browsers, "browser", "")
	set.StringVar(&o.system, "os", "", "")
	set.StringVar(&o.dir, "dir", "", "")
	set.BoolVar(&o.write, "write", false, "")
	set.BoolVar(&o.remove, "remove", false, "")
	set.BoolVar(&o.olderEdge, "older-edge", false, "")
}

var browserFlags = []string{"origin", "browser", "os", "dir", "write", "remove", "older-edge"}

// misplaced names an option that was given to another command.
func (o *browserOptions) misplaced(set *flag.FlagSet, words []string) error {
	var err error
	set.Visit(func(f *flag.Flag) {
		if slices.Contains(browserFlags, f.Name) && !slices.Equal(words, []string{"policy", "browsers"}) {
			err = fmt.Errorf("--%s belongs to policy browsers", f.Name)
		}
	})
	return err
}

func (o *browserOptions) request() (browsers.Request, error) {
	r := browsers.Request{Origins: o.origins, System: o.system, OlderEdge: o.olderEdge, Root: o.dir, Browsers: browsers.All}
	if r.System == "" {
		r.System = map[string]string{"darwin": browsers.MacOS}[runtime.GOOS]
	}
	if r.System == "" {
		r.System = runtime.GOOS
	}
	if len(o.browsers) > 0 {
		r.Browsers = nil
		for _, b := range o.browsers {
			r.Browsers = append(r.Browsers, browsers.Browser(b))
		}
	}
	switch {
	case o.remove && len(o.origins) > 0:
		return r, errors.New("--remove takes all of our entries away: leave --origin out")
	case !o.remove && len(o.origins) == 0:
		return r, errors.New("name each portal with --origin")
	case o.remove && r.System != browsers.Linux && (r.System != runtime.GOOS || o.dir != ""):
		return r, errors.New("--remove is for the system that it runs on: a registry file or a profile is taken away where it was imported")
	}
	return r, nil
}

// browserPolicy prints or writes the browsers' policies.
func browserPolicy(p settings, o browserOptions, stdout, stderr io.Writer) int {
	w := browserWords[language(p, stderr)]
	r, err := o.request()
	if err != nil {
		return misused(stderr, []string{"policy"}, err.Error())
	}
	changes, err := browsers.Plan(r)
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", w.wrong(r, err))
		if errors.Is(err, browsers.ErrRecord) {
			return exitProblem
		}
		return exitUsage
	}
	exit := exitGood
	for _, c := range changes {
		if !o.write && c.Err == nil {
			show(c, r, stdout, w)
			continue
		}
		if err := c.Apply(); err != nil {
			exit = exitProblem
			fmt.Fprintln(stderr, "cpx-agent:", w.refusal(c, r, err))
			continue
		}
		fmt.Fprintf(stdout, "%s"+w.Colon+"%s\n", w.done(c), c.Place)
		if c.Shared && c.Changed && r.System == browsers.Linux {
			fmt.Fprintln(stdout, "  "+w.Others)
		}
		if c.Backup != "" && c.Changed {
			fmt.Fprintf(stdout, "  "+w.Backup+"\n", c.Backup)
		}
	}
	for _, note := range w.notes(r, o, changes) {
		fmt.Fprintln(stderr, note)
	}
	return exit
}

// show prints what would stand there. A document to import is printed alone, so
// that it can be sent into a file.
func show(c browsers.Change, r browsers.Request, stdout io.Writer, w browserText) {
	if r.System == browsers.Linux || c.Browser != "" {
		fmt.Fprintf(stdout, "# %s"+w.Colon+"%s"+w.Colon+"%s\n", c.Browser.Name(), w.planned(c), c.Place)
	}
	fmt.Fprint(stdout, c.Text)
	if c.Text != "" && !strings.HasSuffix(c.Text, "\n") {
		fmt.Fprintln(stdout)
	}
}

// browserText is what `policy browsers` says to a person.
type browserText struct {
	Colon                               string
	New, Change, Same, Gone             string
	Written, Unchanged, Removed         string
	Others, Backup                      string
	Nothing, NotWritten, NoRight        string
	Malformed, Shadowed, Unsayable      string
	Record                              string
	OnlyImported, Wildcard, FirefoxWide string
	OlderEdge, NumberOn, Reload         string
	ImportKeys, ImportMac               string
}

var browserWords = map[string]browserText{
	agent.French: {
		Colon: " : ", New: "à écrire", Change: "sera modifié", Same: "est déjà ainsi", Gone: "à supprimer",
		Written: "écrit", Unchanged: "inchangé", Removed: "supprimé",
		Others:       "Les autres entrées restent.",
		Backup:       "Le fichier tel qu’il était sans CPx Bridge est gardé : %s",
		Nothing:      "Il n’y a aucune entrée de CPx Bridge.",
		NotWritten:   "Rien n’a été écrit : ajoutez --write, avec les droits d’administrateur.",
		NoRight:      "%s : les droits d’administrateur sont nécessaires.",
		Malformed:    "%s : ce fichier est mal formé et a été laissé tel quel. Corrigez-le, puis recommencez.%s",
		Shadowed:     "%s : écrire ce fichier en cacherait un autre, %s, que Firefox ne lirait plus. Déplacez d’abord celui-ci à cet endroit.",
		Unsayable:    "%s est une page servie par ce poste : les navigateurs ne posent pas de question pour elle, il n’y a rien à écrire.",
		Record:       "Le suivi de nos entrées ne peut être lu : rien n’a été changé. Avec les droits d’administrateur, recommencez ; s’il est abîmé, remettez-le d’une sauvegarde, ou renommez-le et recommencez : nos fichiers cpx-bridge.json sont reconnus à leur nom, et dans les fichiers des autres nos entrées se retirent alors à la main.%s",
		OnlyImported: "%s : ce système ne s’écrit pas d’ici. Affichez le contenu sans --write, ou donnez un dossier avec --dir.",
		Wildcard:     "Un « *. » vaut aussi, dans les navigateurs, pour le domaine lui-même : ils ne savent pas dire moins.",
		FirefoxWide:  "Firefox ne connaît que des domaines : la règle y vaut pour tous les ports, et ces sites peuvent aussi joindre le réseau local sans question.",
		OlderEdge:    "--older-edge : ces sites peuvent aussi joindre les appareils du réseau local sans question. Retirez-le quand il n’y a plus d’Edge avant 146.",
		NumberOn:     "Firefox sous Windows : ce fichier numérote depuis 1. Si SkipDomains contient déjà des entrées, changez ces numéros pour des numéros libres, sinon les leurs seraient remplacées.",
		ImportKeys:   "Importez ce fichier avec « reg import », ou reprenez ses valeurs dans une stratégie de groupe.",
		ImportMac:    "Distribuez ce profil avec l’outil qui administre vos Mac (MDM).",
		Reload:       "Les navigateurs ouverts prennent la règle en quelques minutes ou au redémarrage ; « cpx-agent doctor » le vérifie.",
	},
	agent.English: {
		Colon: ": ", New: "to be written", Change: "will be changed", Same: "stands there already", Gone: "to be removed",
		Written: "written", Unchanged: "unchanged", Removed: "removed",
		Others:       "Others’ entries stay.",
		Backup:       "The file as it was without CPx Bridge is kept: %s",
		Nothing:      "There is no entry of CPx Bridge.",
		NotWritten:   "Nothing was written: add --write, as an administrator.",
		NoRight:      "%s: only an administrator may write there.",
		Malformed:    "%s: this file is malformed and was left as it is. Mend it, then run this again.%s",
		Shadowed:     "%s: writing this file would hide another one, %s, from Firefox. Move that one here first.",
		Unsayable:    "%s is a page that this machine serves: browsers ask no question for it, and there is nothing to write.",
		Record:       "The record of our entries cannot be read: nothing was changed. Run this again as an administrator; where it is damaged, put it back from a backup, or rename it and run this again: our files cpx-bridge.json are known by their name, and in others’ files our entries are then to be taken out by hand.%s",
		OnlyImported: "%s: this system’s policies are not written from here. Print them without --write, or name a folder with --dir.",
		Wildcard:     "In browsers “*.” stands for the domain itself too: they cannot say less.",
		FirefoxWide:  "Firefox knows domains only: there the policy holds for every port, and these sites may reach the local network too, without a question.",
		OlderEdge:    "--older-edge: these sites may reach devices of the local network too, without a question. Leave it out once no Edge before 146 is left.",
		NumberOn:     "Firefox on Windows: this file numbers from 1. Where SkipDomains has entries already, change these numbers to free ones, or theirs are replaced.",
		ImportKeys:   "Import this file with “reg import”, or put its values into a group policy.",
		ImportMac:    "Send this profile out with what manages your Macs (MDM).",
		Reload:       "Open browsers take the policy within minutes or when restarted; `cpx-agent doctor` checks it.",
	},
}

func (w browserText) planned(c browsers.Change) string {
	switch {
	case !c.Changed:
		return w.Same
	case c.Text == "":
		return w.Gone
	case c.Shared:
		return w.Change
	}
	return w.New
}

func (w browserText) done(c browsers.Change) string {
	switch {
	case !c.Changed:
		return w.Unchanged
	case c.Text == "":
		return w.Removed
	}
	return w.Written
}

func (w browserText) refusal(c browsers.Change, r browsers.Request, err error) string {
	var shadowed *browsers.ShadowedError
	switch {
	case errors.Is(err, browsers.ErrNotHere):
		return fmt.Sprintf(w.OnlyImported, r.System)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf(w.NoRight, c.Place)
	case errors.Is(err, browsers.ErrMalformed):
		return fmt.Sprintf(w.Malformed, c.Place, because(err, browsers.ErrMalformed))
	case errors.As(err, &shadowed):
		return fmt.Sprintf(w.Shadowed, c.Place, shadowed.Other)
	}
	return fmt.Sprintf("%s: %s: %v", c.Browser.Name(), c.Place, err)
}

// because is what an error says beyond what it is, for who mends the file.
func because(err, kind error) string {
	detail := strings.TrimLeft(strings.Replace(err.Error(), kind.Error(), "", 1), ": ")
	if detail == "" {
		return ""
	}
	return " (" + agent.Printable(detail) + ")"
}

// wrong is a request that cannot be planned.
func (w browserText) wrong(r browsers.Request, err error) string {
	switch {
	case errors.Is(err, browsers.ErrUnsayable):
		own := slices.DeleteFunc(slices.Clone(r.Origins), func(o string) bool { return len(browsers.Sayable([]string{o})) > 0 })
		return fmt.Sprintf(w.Unsayable, strings.Join(own, ", "))
	case errors.Is(err, browsers.ErrRecord):
		return fmt.Sprintf(w.Record, because(err, browsers.ErrRecord))
	}
	return err.Error()
}

// notes are what an administrator has to know of what was printed or written.
func (w browserText) notes(r browsers.Request, o browserOptions, changes []browsers.Change) []string {
	var notes []string
	add := func(when bool, note string) {
		if when {
			notes = append(notes, note)
		}
	}
	adding := !o.remove
	firefox := slices.Contains(r.Browsers, browsers.Firefox)
	imported := r.System != runtime.GOOS && r.System != browsers.Linux || o.dir != ""
	changed := slices.ContainsFunc(changes, func(c browsers.Change) bool { return c.Changed })
	add(o.remove && len(changes) == 0, w.Nothing)
	add(adding && slices.ContainsFunc(r.Origins, func(s string) bool { return strings.Contains(s, "*.") }), w.Wildcard)
	add(adding && firefox, w.FirefoxWide)
	add(adding && o.olderEdge && slices.Contains(r.Browsers, browsers.Edge), w.OlderEdge)
	add(adding && firefox && imported && r.System == browsers.Windows, w.NumberOn)
	add(adding && r.System == browsers.Windows && imported, w.ImportKeys)
	add(adding && r.System == browsers.MacOS && imported, w.ImportMac)
	add(!o.write && changed && !imported, w.NotWritten)
	add(o.write && changed && !imported, w.Reload)
	return notes
}
