package trust

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// Folder is where the files of authorities are, beside the settings file.
const Folder = "trust"

// Addition is a group to be made, or to be extended, in a settings file.
type Addition struct {
	Request
	Settings string // the file
	Group    string // its name
	// RequiredPolicies and RefusedPolicies are dotted OIDs of certificate policies. AnyPolicy
	// must be true where none is required of a new group.
	RequiredPolicies, RefusedPolicies []string
	AnyPolicy                         bool
	// Check says whether the portal would start with a content of the settings file.
	Check func(path string, content []byte) error
	// Only shows what would be done.
	Only bool
}

// Added is what was done.
type Added struct {
	Selection
	Group  string
	New    bool   // the group was made; else it was extended
	Backup string // the settings file as it was; "": nothing was changed
	// Revocation is what the setting was before it became "crl"; "crl" where it was already.
	Revocation string
}

// ErrPolicies says that a new group would require no policy, which nobody asked for.
var ErrPolicies = errors.New("say which certificate of a card logs its holder in: --required-policy OID, the policy of the authentication certificates. " +
	"Without one, a card's technical certificate is accepted too, whose key needs no PIN. " +
	"The PKI's document on its certificates has the OIDs, and `openssl x509 -in CARD.pem -noout -ext certificatePolicies` shows those of a card. " +
	"--any-policy does without")

// Add makes or extends the group in one step. Where it fails nothing has changed. What is
// wrong with certificates is a *Refusal; with the settings file, a *tomlfile.Error.
func Add(a Addition, certificates []Certificate) (Added, error) {
	if strings.TrimSpace(a.Group) != a.Group || a.Group == "" || strings.ContainsFunc(a.Group, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return Added{}, fmt.Errorf("%q cannot be the name of a group", a.Group)
	}
	before, err := plainfile.Read(a.Settings)
	if err != nil {
		return Added{}, unread(a.Settings, err)
	}
	d, err := parseDocument(a.Settings, before)
	if err != nil {
		return Added{}, err
	}
	w := writing{Addition: a, document: d, before: before}
	if err := w.find(); err != nil {
		return Added{}, err
	}
	if w.Added.Selection, err = a.Select(certificates, w.present); err != nil {
		return Added{}, err
	}
	w.Added.Group, w.New = a.Group, w.index < 0
	if len(w.Roots)+len(w.Intermediates) == 0 {
		return w.Added, nil
	}
	return w.Added, w.write()
}

// writing is one change of a settings file.
type writing struct {
	Addition
	Added
	*document
	before  []byte
	index   int       // of the group; -1: there is none yet
	present Selection // what it has
	made    []string  // files, of which none stay where the change fails
}

// find finds the group, and whether it can be added to.
func (w *writing) find() error {
	w.index = -1
	refused := func(line int, format string, args ...any) error {
		return &tomlfile.Error{File: w.Settings, Line: line, Key: "trust_group", Text: fmt.Sprintf(format, args...)}
	}
	if w.inline > 0 {
		return refused(w.inline, "is written as one value: write each group as a table of its own, [[trust_group]]")
	}
	for i, g := range w.groups {
		switch {
		case !strings.EqualFold(g.Name, w.Addition.Group):
			continue
		case w.index >= 0:
			return refused(g.Line, "a second group has the name %q: each needs a name of its own", g.Name)
		case g.Test:
			return refused(g.Line, "%q is a group of test cards: give the group for real cards another name, with --group", g.Name)
		}
		w.index = i
	}
	if w.index < 0 {
		if len(w.Addition.RequiredPolicies) == 0 && !w.AnyPolicy {
			return ErrPolicies
		}
		return nil
	}
	g := w.groups[w.index]
	if len(w.Addition.RequiredPolicies)+len(w.Addition.RefusedPolicies) > 0 || w.AnyPolicy {
		return refused(g.Line, "the group %q is there already, with its policies: change them in the file", g.Name)
	}
	var err error
	w.present, err = g.certificates(filepath.Dir(w.Settings))
	return err
}

// certificates reads those of a group.
func (g Group) certificates(folder string) (s Selection, err error) {
	for _, part := range []struct {
		paths []string
		to    *[]Certificate
	}{{g.Roots, &s.Roots}, {g.Intermediates, &s.Intermediates}} {
		for _, path := range part.paths {
			if !filepath.IsAbs(path) {
				path = filepath.Join(folder, path)
			}
			list, err := ReadFile(path)
			if err != nil {
				return s, &Refusal{[]Problem{{path, err.Error()}}}
			}
			*part.to = append(*part.to, list...)
		}
	}
	return s, nil
}

func (w *writing) write() (err error) {
	defer func() {
		if err != nil || w.Only {
			for _, path := range slices.Backward(w.made) {
				err = errors.Join(err, os.Remove(path))
			}
		}
	}()
	roots, err := w.store(w.Added.Roots)
	if err != nil {
		return err
	}
	intermediates, err := w.store(w.Added.Intermediates)
	if err != nil {
		return err
	}
	after := w.changed(w.changes(roots, intermediates))
	if w.Check != nil {
		if err := w.Check(w.Settings, after); err != nil {
			return err
		}
	}
	if w.Only {
		return nil
	}
	return w.replace(after)
}

func (w *writing) changes(roots, intermediates []entry) []change {
	var list []change
	w.Added.Revocation = w.revocation
	if w.revocation != "crl" {
		list = append(list, w.setRevocation("crl"))
	}
	if w.index < 0 {
		g := Group{Name: w.Addition.Group, RequiredPolicies: w.Addition.RequiredPolicies, RefusedPolicies: w.Addition.RefusedPolicies}
		return append(list, w.add(g, roots, intermediates))
	}
	for _, part := range []struct {
		key     string
		entries []entry
	}{{"roots", roots}, {"intermediates", intermediates}} {
		if len(part.entries) > 0 {
			list = append(list, w.extend(w.index, part.key, part.entries))
		}
	}
	return list
}

// store writes certificates to files of their own.
func (w *writing) store(certificates []Certificate) ([]entry, error) {
	folder := filepath.Join(filepath.Dir(w.Settings), Folder)
	settings, err := os.Stat(w.Settings)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(folder, 0o700); err == nil {
		w.made = append(w.made, folder)
		if err := readable(folder, settings); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	var list []entry
	for _, c := range certificates {
		content := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
		name := slug(Name(c.Certificate)) + ".pem"
		if there, err := plainfile.Read(filepath.Join(folder, name)); err == nil && !bytes.Equal(there, content) {
			name = slug(Name(c.Certificate)) + "-" + strings.ToLower(c.SHA256()[:16]) + ".pem"
		}
		path := filepath.Join(folder, name)
		_, err := os.Lstat(path)
		if err := atomicfile.Write(path, content, atomicfile.Options{Like: shared{settings}}); err != nil {
			return nil, err
		}
		if errors.Is(err, fs.ErrNotExist) {
			w.made = append(w.made, path)
		}
		list = append(list, entry{Folder + "/" + name, "SHA-256 " + c.SHA256()})
	}
	return list, nil
}

// shared is a file that those may read who may read the settings, and only its owner change:
// the service must read it, whatever the umask of who made it.
type shared struct{ fs.FileInfo }

func (s shared) Mode() fs.FileMode { return s.FileInfo.Mode() &^ 0o022 }

// readable lets those into a folder who may read the settings.
func readable(folder string, settings fs.FileInfo) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	read := shared{settings}.Mode().Perm() & 0o444
	// The owner first: a change of it takes bits of the mode away on some systems.
	return errors.Join(atomicfile.SetOwner(f, settings), os.Chmod(folder, 0o700|read|read>>2), f.Close())
}

// slug is a name as that of a file.
func slug(name string) string {
	parts := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	text := strings.Join(parts, "-")
	return text[:min(len(text), 60)]
}

// replace puts the content in the settings file's place, beside which the old one stays.
func (w *writing) replace(after []byte) error {
	target, err := filepath.EvalSymlinks(w.Settings)
	if err != nil {
		return err
	}
	info, err := os.Stat(target)
	if err != nil {
		return err
	}
	backup := w.Settings + "." + w.Now.UTC().Format("20060102T150405Z") + ".bak"
	if _, err := os.Lstat(backup); err == nil {
		return fmt.Errorf("%s is there already: run the command again in a second", backup)
	}
	if err := atomicfile.Write(backup, w.before, atomicfile.Options{Like: info}); err != nil {
		return err
	}
	w.made = append(w.made, backup)
	if now, err := plainfile.Read(target); err != nil || !bytes.Equal(now, w.before) {
		return errors.Join(err, ErrChanged)
	}
	if err := atomicfile.Write(target, after, atomicfile.Options{Like: info}); err != nil {
		return err
	}
	w.Backup, w.made = backup, nil
	return nil
}
