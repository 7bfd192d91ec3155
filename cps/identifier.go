package cps

// IdentifierKind is the register that a national identifier comes from, known by
// its first character.
type IdentifierKind string

// The kinds of identifier, in the order of their first character, 0 to 9.
const (
	IdentifierUnknown     IdentifierKind = ""
	IdentifierADELI       IdentifierKind = "ADELI"
	IdentifierCabinet     IdentifierKind = "cabinet ADELI" // with a register's number
	IdentifierDRASS       IdentifierKind = "DRASS"
	IdentifierFINESS      IdentifierKind = "FINESS"
	IdentifierSIREN       IdentifierKind = "SIREN"
	IdentifierSIRET       IdentifierKind = "SIRET"
	IdentifierCabinetRPPS IdentifierKind = "cabinet RPPS" // with a register's number
	IdentifierRPPS        IdentifierKind = "RPPS"
	IdentifierStudent     IdentifierKind = "student"
)

func kindOfIdentifier(identifier string) IdentifierKind {
	if identifier == "" {
		return IdentifierUnknown
	}
	switch identifier[0] {
	case '0':
		return IdentifierADELI
	case '1':
		return IdentifierCabinet
	case '2':
		return IdentifierDRASS
	case '3':
		return IdentifierFINESS
	case '4':
		return IdentifierSIREN
	case '5':
		return IdentifierSIRET
	case '6':
		return IdentifierCabinetRPPS
	case '8':
		return IdentifierRPPS
	case '9':
		return IdentifierStudent
	}
	return IdentifierUnknown
}

// validRPPS checks an 8 and the eleven digits after it, whose last is a check
// digit over those eleven (ISO/IEC 7812-1, annex B). It only informs: an
// identifier that fails is shown and stored nevertheless.
func validRPPS(identifier string) bool {
	if len(identifier) != 12 || identifier[0] != '8' {
		return false
	}
	digits, sum := identifier[1:], 0
	for i := range len(digits) {
		c := digits[len(digits)-1-i]
		if c < '0' || c > '9' {
			return false
		}
		d := int(c - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
