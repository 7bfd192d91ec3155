package demopki

import (
	"fmt"
	"slices"
)

// Holder is whom a demonstration certificate names.
type Holder struct {
	Kind       string // CPS, CPF, CPE or CPA
	Identifier string // the whole national identifier, the CN
	Surname    string
	GivenName  string
	Profession string // the title
	Structure  string
	// StructureID is the establishment's number, as unnamed cards state it.
	StructureID string
	Unnamed     bool   // true for a service card: no surname, no given name
	Pseudonym   string // of an unnamed card
}

var kinds = []string{"CPS", "CPF", "CPE", "CPA"}

func (h Holder) kindPolicy() string {
	n := slices.Index(kinds, h.Kind)
	if n < 0 {
		return ""
	}
	return fmt.Sprintf("%s.%d", policyKind, n)
}

// NewHolder makes the nth demonstration holder of a kind, always the same for the
// same arguments, with TEST in the name. An identifier of the RPPS has a valid
// check digit.
func NewHolder(kind string, n int) Holder {
	h := Holder{Kind: kind, Surname: fmt.Sprintf("TEST-%s%04d", kind, n), GivenName: "CAMILLE"}
	switch kind {
	case "CPS":
		h.Identifier, h.Profession = "8"+luhn(fmt.Sprintf("9970007%03d", n)), "Pharmacien"
	case "CPF":
		h.Identifier, h.Profession = "9"+luhn(fmt.Sprintf("9970008%03d", n)), "Médecin en formation"
		h.GivenName = "LÉA"
	case "CPE":
		h.StructureID, h.Structure = "3990000001", "ETABLISSEMENT TEST"
		h.Identifier, h.Profession = fmt.Sprintf("3990000001/%09d", n), "Carte d'établissement"
	case "CPA":
		h.StructureID, h.Structure = "300000000029751", "ORGANISME TEST"
		h.Identifier, h.Profession = fmt.Sprintf("500000000029751/CPAT%04d", n), "Personnel autorisé"
	}
	return h
}

// NewUnnamedHolder makes a service card's holder, with a pseudonym and no name.
func NewUnnamedHolder(n int) Holder {
	return Holder{
		Kind: "CPE", Unnamed: true,
		Identifier: fmt.Sprintf("3990000001/%09d", 900000+n), Pseudonym: fmt.Sprintf("EMPLOYETEST%08d", n),
		Profession: "Carte de service santé ou social", Structure: "ETABLISSEMENT TEST", StructureID: "3990000001",
	}
}

// luhn appends the check digit to digits (ISO/IEC 7812-1, annex B).
func luhn(digits string) string {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return digits + string(rune('0'+(10-sum%10)%10))
}

// KindPolicies maps each kind of card to the policy that states it.
func KindPolicies() map[string]string {
	policies := map[string]string{}
	for _, kind := range kinds {
		policies[kind] = Holder{Kind: kind}.kindPolicy()
	}
	return policies
}
