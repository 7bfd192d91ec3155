package cards

import (
	"fmt"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
	"github.com/cpx-bridge/cpx-bridge/internal/remembered"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// Choice is the certificate that the next logins use, in a small file that the
// command line and a running agent share. Its methods may be called concurrently,
// also by several processes. A nil *Choice remembers nothing.
type Choice struct {
	value *remembered.Value[Chosen]
	path  string
}

// NewChoice has the choice in the given state folder.
func NewChoice(stateDir string) *Choice {
	path := filepath.Join(stateDir, "choice.json")
	return &Choice{remembered.New(path, Chosen.check), path}
}

// File is the file's path; it is replaced when another certificate is chosen.
func (c *Choice) File() string { return c.path }

// Chosen is a certificate with whose card it is: a renewed card has another
// certificate and the same holder and kind.
type Chosen struct {
	Certificate string `json:"certificate"` // hex SHA-256
	Identifier  string `json:"identifier,omitempty"`
	Kind        string `json:"kind,omitempty"`
}

// ChosenOf is what is remembered of a certificate.
func ChosenOf(c pkcs11.Certificate) Chosen {
	p := Person(c)
	return Chosen{Certificate: c.ID, Identifier: p.Identifier, Kind: p.Kind}
}

// Among returns the chosen one of the certificates that a login may use: the
// very certificate, else the only one of the same holder and kind.
func (c Chosen) Among(s pkcs11.Snapshot) (pkcs11.Certificate, bool) {
	var same []pkcs11.Certificate
	for _, each := range Fitting(s) {
		other := ChosenOf(each)
		switch {
		case each.ID == c.Certificate:
			return each, true
		case c.Identifier != "" && other.Identifier == c.Identifier && other.Kind == c.Kind:
			same = append(same, each)
		}
	}
	if len(same) != 1 { // of two the person decides
		return pkcs11.Certificate{}, false
	}
	return same[0], true
}

var certificateID = lazyregexp.New(`^[0-9a-f]{64}$`)

func (c Chosen) check() error {
	if !certificateID.MatchString(c.Certificate) {
		return fmt.Errorf("%.64q is not a certificate's SHA-256", c.Certificate)
	}
	return nil
}

// Get returns what is chosen, the zero value where nothing is.
func (c *Choice) Get() (Chosen, error) {
	if c == nil {
		return Chosen{}, nil
	}
	return c.value.Get()
}

// Set chooses the certificate; remembered.ErrNowhere where c is nil.
func (c *Choice) Set(chosen Chosen) error {
	if c == nil {
		return remembered.ErrNowhere
	}
	return c.value.Set(chosen)
}
