// Package democard makes demonstration cards: SoftHSM tokens with keys and
// certificates of a test PKI modelled on the IGC-Santé. Every name says TEST.
//
// The package is for one caller at a time, because SoftHSM finds its tokens by an
// environment variable of the whole process. It never touches tokens outside the
// caller's folder.
package democard

import (
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// PIN is the PIN of every demonstration card.
const PIN = "1234"

// Card is one entry of cards.json.
type Card struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	Label      string `json:"label"`
	PIN        string `json:"pin"`
	Identifier string `json:"identifier"`
	Holder     string `json:"holder"`
	Module     string `json:"module"`
}

// design describes what is on a card.
type design struct {
	name   string
	holder demopki.Holder
	curve  elliptic.Curve // nil: RSA-2048, as real cards have
	// authentication, signature and technical say which certificates are on it.
	authentication, signature, technical bool
	expired                              bool
	keys                                 keyLayout
}

// keyLayout says how a card's keys go with its certificates.
type keyLayout int

const (
	keysMatch          keyLayout = iota
	keysMissing                  // there are none
	keysUnderAnotherID           // each has another CKA_ID than its certificate, and another key has that
	keysUnderOneID               // another key has the same CKA_ID
)

var designs = []design{
	{name: "cps", holder: demopki.NewHolder("CPS", 1), authentication: true, signature: true},
	{name: "cps-2", holder: demopki.NewHolder("CPS", 2), authentication: true, signature: true},
	{name: "cps-ec", holder: demopki.NewHolder("CPS", 3), authentication: true, signature: true, curve: elliptic.P256()},
	{name: "cps-ec384", holder: demopki.NewHolder("CPS", 4), authentication: true, curve: elliptic.P384()},
	{name: "cps-ec521", holder: demopki.NewHolder("CPS", 8), authentication: true, curve: elliptic.P521()},
	{name: "cpf", holder: demopki.NewHolder("CPF", 1), authentication: true, signature: true},
	{name: "cpe", holder: demopki.NewHolder("CPE", 1), authentication: true, signature: true},
	{name: "cpe-unnamed", holder: demopki.NewUnnamedHolder(1), authentication: true, signature: true},
	{name: "cpa", holder: demopki.NewHolder("CPA", 1), authentication: true, signature: true},
	{name: "expired", holder: demopki.NewHolder("CPS", 5), authentication: true, signature: true, expired: true},
	{name: "technical", holder: demopki.NewHolder("CPS", 6), technical: true},
	{name: "signature-only", holder: demopki.NewHolder("CPS", 7), signature: true},
	{name: "other-id", holder: demopki.NewHolder("CPS", 9), authentication: true, keys: keysUnderAnotherID},
	{name: "two-keys", holder: demopki.NewHolder("CPS", 11), authentication: true, keys: keysUnderOneID},
	{name: "no-key", holder: demopki.NewHolder("CPS", 10), authentication: true, keys: keysMissing},
}

// Names lists the cards that Make can make, the default first.
func Names() []string {
	names := make([]string, len(designs))
	for i, d := range designs {
		names[i] = d.name
	}
	return names
}

// ErrUnknownCard says that there is no such design.
var ErrUnknownCard = errors.New("no such demonstration card")

func designOf(name string) (design, error) {
	for _, d := range designs {
		if d.name == name {
			return d, nil
		}
	}
	return design{}, fmt.Errorf("%w: %q; there are %s", ErrUnknownCard, name, strings.Join(Names(), ", "))
}

// workshop is a folder of cards that is being changed.
type workshop struct {
	dir, module string
	now         time.Time
	pki         *demopki.PKI
	hsm         *hsm
	cards       []Card
}

func open(dir string, now time.Time) (*workshop, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	w := &workshop{dir: dir, now: now}
	if w.module, err = Module(); err != nil {
		return nil, err
	}
	for _, sub := range []string{"tokens", "ca"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	conf := filepath.Join(dir, "softhsm2.conf")
	text := "directories.tokendir = " + filepath.Join(dir, "tokens") + "\nobjectstore.backend = file\nlog.level = ERROR\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if w.pki, err = OpenPKI(filepath.Join(dir, "ca"), now); err != nil {
		return nil, err
	}
	if w.cards, err = Load(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	w.hsm, err = openHSM(w.module, conf)
	return w, err
}

// Load reads the cards of a folder.
func Load(dir string) ([]Card, error) {
	text, err := os.ReadFile(filepath.Join(dir, "cards.json"))
	if err != nil {
		return nil, err
	}
	var cards []Card
	if err := json.Unmarshal(text, &cards); err != nil {
		return nil, fmt.Errorf("cards.json: %w", err)
	}
	return cards, nil
}

func (w *workshop) save() error {
	text, err := json.MarshalIndent(w.cards, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.dir, "cards.json"), append(text, '\n'), 0o600)
}

// Make makes the named cards in dir, and leaves existing ones as they are. It
// returns all cards of the folder.
func Make(dir string, names []string, now time.Time) ([]Card, error) {
	for _, name := range names {
		if _, err := designOf(name); err != nil {
			return nil, err
		}
	}
	w, err := open(dir, now)
	if err != nil {
		return nil, err
	}
	defer w.hsm.close()
	for _, name := range names {
		if w.index(name) >= 0 {
			continue
		}
		if err := w.add(name); err != nil {
			return nil, fmt.Errorf("card %s: %w", name, err)
		}
		if err := w.save(); err != nil {
			return nil, err
		}
	}
	return w.cards, nil
}

func (w *workshop) index(name string) int {
	return slices.IndexFunc(w.cards, func(c Card) bool { return c.Name == name })
}

func (w *workshop) add(name string) error {
	d, err := designOf(name)
	if err != nil {
		return err
	}
	card := Card{
		Name: name, Kind: d.holder.Kind, PIN: PIN, Identifier: d.holder.Identifier, Module: w.module,
		Label:  fmt.Sprintf("%s3v3-TEST-%04d", d.holder.Kind, len(w.cards)+1),
		Holder: strings.TrimSpace(d.holder.GivenName + " " + d.holder.Surname),
	}
	if d.holder.Unnamed {
		card.Holder = d.holder.Pseudonym
	}
	session, err := w.hsm.newToken(card.Label)
	if err != nil {
		return err
	}
	if err := errors.Join(w.fill(session, d), w.hsm.ctx.CloseSession(session)); err != nil {
		return err
	}
	w.cards = append(w.cards, card)
	return nil
}

// Renew replaces the card's keys and certificates, as a renewal does, under the
// same identifier. With newCA a new intermediate CA issues them.
func Renew(dir, name string, newCA bool, now time.Time) error {
	d, err := designOf(name)
	if err != nil {
		return err
	}
	w, err := open(dir, now)
	if err != nil {
		return err
	}
	defer w.hsm.close()
	i := w.index(name)
	if i < 0 {
		return fmt.Errorf("%w: %q is not in %s", ErrUnknownCard, name, dir)
	}
	if newCA {
		if w.pki.Intermediate, err = w.pki.NewIntermediate(now); err != nil {
			return err
		}
		if err := appendIntermediate(filepath.Join(w.dir, "ca"), w.pki.Intermediate); err != nil {
			return err
		}
	}
	session, err := w.hsm.login(w.cards[i].Label)
	if err != nil {
		return err
	}
	return errors.Join(w.hsm.empty(session), w.fill(session, d), w.hsm.ctx.CloseSession(session))
}
