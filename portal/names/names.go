// Package names compares the surname that a card states with the name that an account bears, so
// that whoever is about to attach a colleague's card to their own account is warned. Its
// function may be called concurrently. It decides nothing: two people may have one name, and one
// person two.
package names

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Differ reports whether nothing of the surname is in the display name, which may have given
// names, titles and several surnames in any order. Where one of them has no letters there is
// nothing to compare, and they do not differ.
//
// Accents, case, hyphens, apostrophes and spaces make no difference (LE GOFF, Legoff), nor do
// particles and titles (DE LA TOUR, Dr Latour), nor ue for ü. A double name agrees with each of
// its halves (DUPONT-MARTIN, Claire Martin), and so a married name with the name at birth
// wherever one of the two states both. A name at birth on the card and another in the account,
// with nothing in common, differ: they may still be one person, who says so.
//
// A given name that is another's surname agrees (MARTIN, Martin Dupont): a display name does not
// say which of its words is which.
func Differ(surname, display string) bool {
	card, account := parts(surname), parts(display)
	if len(card) == 0 || len(account) == 0 {
		return false
	}
	counts := func(w string) bool { return !slices.Contains(slight, w) }
	if !slices.ContainsFunc(card, counts) || !slices.ContainsFunc(account, counts) {
		counts = func(string) bool { return true } // a name that is one of them
	}
	inAccount := joined(account, counts)
	return !slices.ContainsFunc(joined(card, counts), func(w string) bool { return slices.Contains(inAccount, w) })
}

// most is how many words of a name are looked at; no name has more.
const most = 40

// joined is every word that counts, alone and in one with those around it: what is written in
// one word here may be two there.
func joined(list []string, counts func(w string) bool) (all []string) {
	list = list[:min(len(list), most)]
	for i := range list {
		one, says := "", false
		for _, w := range list[i:] {
			one += w
			if says = says || counts(w); says {
				all = append(all, one)
			}
		}
	}
	return all
}

// slight are words that say nothing of who somebody is: particles, titles, and what stands
// between two surnames.
var slight = strings.Fields("a al ap ben bin bint d da das de del della den der des di do dos du e el en et la las le les lo los of " +
	"st ste saint sainte t te ten ter van vande vander von y zu zur " +
	"docteur dr dre professeur pr prof m mlle mme mr mrs ms madame mademoiselle maitre me monsieur " +
	"dit dite ep epouse epoux epx ne nee veuf veuve vve")

// parts is a name's words without case and accents.
func parts(name string) []string {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(name))
	plain = spelled.Replace(plain)
	return strings.FieldsFunc(plain, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// spelled are letters that accents do not explain, and two for one.
var spelled = strings.NewReplacer("œ", "o", "æ", "a", "ae", "a", "oe", "o", "ue", "u", "ß", "ss", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "ı", "i", "þ", "th")
