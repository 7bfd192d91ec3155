package administration

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// MaxLength is how many characters a name or a service has at most.
const MaxLength = 100

// FieldError is what is wrong with a field of an account.
type FieldError struct {
	Field string // "user name", "display name", "service", "region"
	Text  string
}

func (e *FieldError) Error() string { return "the " + e.Field + " " + e.Text }

// composed is a text in the form in which keyboards write it (NFC): é as one character.
// Where it was an e and an accent, as macOS writes it into files, nobody would find it.
func composed(text string) string { return norm.NFC.String(text) }

// check brings the fields into the form in which they are stored, or says all that is wrong,
// each a *FieldError.
func (a *Administration) check(n *NewAccount) error { return errors.Join(a.faults(n)...) }

func (a *Administration) faults(n *NewAccount) (faults []error) {
	for _, f := range []struct {
		name  string
		value *string
	}{{"user name", &n.Name}, {"display name", &n.Display}, {"service", &n.Service}} {
		*f.value = composed(*f.value)
		if f.value != &n.Name { // of names that nobody types, as word processors write them
			*f.value = strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(*f.value)
		}
		if why := unfit(*f.value); why != "" {
			faults = append(faults, &FieldError{f.name, why})
		}
	}
	if _, known := a.Texts.Region(n.Region); n.Region != "" && !known {
		faults = append(faults, &FieldError{"region", fmt.Sprintf("%q is not in the texts. Regions are named by their id: %s", n.Region, a.regions())})
	}
	return faults
}

// regions are the texts' regions, as an operator names them.
func (a *Administration) regions() string {
	ids := make([]string, len(a.Texts.Regions))
	for i, r := range a.Texts.Regions {
		ids[i] = r.ID
	}
	return strings.Join(ids, ", ")
}

// unfit says why a text cannot be a name: what it has can be neither seen nor typed.
func unfit(text string) string {
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		return "is not UTF-8"
	case n == 0:
		return "is missing"
	case n > MaxLength:
		return fmt.Sprintf("has %d characters, at most %d", n, MaxLength)
	case strings.TrimFunc(text, unicode.IsSpace) != text:
		return "begins or ends with a space"
	}
	for i, r := range []rune(visible.Text(text)) {
		if r == unicode.ReplacementChar {
			return fmt.Sprintf("has a character that nobody sees or can type: number %d, %U", i+1, []rune(text)[i])
		}
	}
	return ""
}
