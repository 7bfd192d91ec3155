package pkcs11

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// maxDescription is the length of a slot's description in PKCS#11, in octets.
const maxDescription = 64

// leastCut is the least that remains of a reader's name where a module cuts it:
// 61 octets and three dots, less half a letter and the blanks before the cut.
const leastCut = 48

// ReadersOf gives for each slot the names of the PC/SC readers that it may stand
// for: none for a slot that is no reader, one where that is certain, several where
// nothing tells them apart. It goes by names alone: a card that is in a reader now
// need not be the one that was read in the slot.
//
// A description has room for 64 octets. Modules put a longer name into it in ways
// of their own: cut, also within a letter, with dots at the cut, or otherwise
// shortened; then the one reader and the one slot that remain go together.
func ReadersOf(slots []Slot, readers []string) [][]string {
	found := make([][]string, len(slots))
	for _, m := range modulesOf(slots) {
		var own []int
		for i := range slots {
			if slots[i].Module == m {
				own = append(own, i)
			}
		}
		matchModule(slots, own, readers, found)
	}
	return found
}

func modulesOf(slots []Slot) (modules []string) {
	for _, s := range slots {
		if !slices.Contains(modules, s.Module) {
			modules = append(modules, s.Module)
		}
	}
	return modules
}

// matchModule matches the slots of one module, by their indexes.
func matchModule(slots []Slot, own []int, readers []string, found [][]string) {
	claimed := map[string]bool{}
	claim := func(i int, names []string) {
		found[i] = names
		for _, n := range names {
			claimed[n] = true
		}
	}
	for _, i := range own {
		var exact, cut []string
		for _, name := range readers {
			switch {
			case plain(name) == plain(slots[i].Description):
				exact = append(exact, name)
			case isCut(name, slots[i].Description):
				cut = append(cut, name)
			}
		}
		// A name that just fits may be another, longer one's beginning: where
		// more slots bear it than readers do, each may be it.
		if alike := countAlike(slots, own, slots[i].Description); len(exact) > 0 && alike <= len(exact) {
			cut = nil
		}
		claim(i, append(exact, cut...))
	}
	var spare []string // long names that no slot bears, in whatever way they were shortened
	for _, name := range readers {
		if len(name) > maxDescription && !claimed[name] {
			spare = append(spare, name)
		}
	}
	for _, i := range own {
		if len(found[i]) == 0 && slots[i].Hardware {
			found[i] = spare
		}
	}
}

func countAlike(slots []Slot, own []int, description string) (n int) {
	for _, i := range own {
		if slots[i].Description == description {
			n++
		}
	}
	return n
}

// plain is a name as it comes through the pipe from a module's process, without
// its padding: JSON has U+FFFD for each octet that is no letter.
func plain(name string) string {
	name = trim(name)
	if utf8.ValidString(name) {
		return name
	}
	return string([]rune(name))
}

// isCut reports whether a description is what a module leaves of a long name.
func isCut(reader, description string) bool {
	if len(reader) <= maxDescription {
		return false
	}
	rest := strings.TrimSuffix(plain(description), "...")
	rest = trim(strings.TrimRight(rest, string(utf8.RuneError)))
	return len(rest) >= leastCut && strings.HasPrefix(plain(reader), rest)
}

// readersOf gives for each slot the readers that it may stand for, by their names and
// by where a card is: what was just read in a slot is in a reader that holds one.
func (b basis) readersOf(slots []Slot) [][]readerPhase {
	var names []string
	byName := map[string]readerPhase{}
	for _, r := range b.readers {
		names = append(names, r.Name)
		byName[r.Name] = r
	}
	matched := ReadersOf(slots, names)
	found := make([][]readerPhase, len(slots))
	for i := range slots {
		var with, without []readerPhase
		for _, name := range matched[i] {
			if r := byName[name]; r.Present {
				with = append(with, r)
			} else {
				without = append(without, r)
			}
		}
		full, alike := countFull(slots, matched, i)
		switch {
		case slots[i].full() && len(with) > 0:
			found[i] = with
		case !slots[i].full() && full == len(with) && alike == len(matched[i]) && len(without) > 0:
			found[i] = without // the others are in all the readers that hold a card
		default:
			found[i] = append(with, without...)
		}
	}
	return found
}

func holdsCard(r readerPhase) bool { return r.Present }

// full reports whether the module saw a card there.
func (s Slot) full() bool { return s.Token != nil || s.Unrecognized }

// countFull counts the slots of the same module that may be the same readers as the
// given one, and those of them that hold a card.
func countFull(slots []Slot, matched [][]string, of int) (full, alike int) {
	for i := range slots {
		if slots[i].Module != slots[of].Module || !slices.Equal(matched[i], matched[of]) {
			continue
		}
		alike++
		if slots[i].full() {
			full++
		}
	}
	return full, alike
}

// reader is the one PC/SC reader that a slot among all of its module stands for.
func (b basis) reader(slot Slot, all []Slot) (readerPhase, bool) {
	at := slices.IndexFunc(all, func(s Slot) bool { return s.Module == slot.Module && s.ID == slot.ID })
	if at < 0 {
		return readerPhase{}, false
	}
	found := b.readersOf(all)[at]
	if len(found) != 1 {
		return readerPhase{}, false
	}
	return found[0], true
}

// mayBe are the readers that the slot among those of its module may stand for,
// certain or not.
func mayBe(slot Slot, all []Slot, readers []pcsc.Reader) []pcsc.Reader {
	at := slices.IndexFunc(all, func(s Slot) bool { return s.Module == slot.Module && s.ID == slot.ID })
	if at < 0 {
		all, at = append(slices.Clone(all), slot), len(all)
	}
	var names []string
	for _, r := range readers {
		names = append(names, r.Name)
	}
	matched := ReadersOf(all, names)[at]
	return slices.DeleteFunc(slices.Clone(readers), func(r pcsc.Reader) bool { return !slices.Contains(matched, r.Name) })
}

// resetSlot resets the card in the reader that the slot stands for; where that is
// not certain, each card that may be the one, because one that stays open signs for
// every program. Readers without a card have nothing to reset.
func resetSlot(slot Slot, all []Slot, readers []pcsc.Reader, reset func(reader string) error) (names []string, err error) {
	candidates := mayBe(slot, all, readers)
	if len(candidates) > 1 {
		candidates = slices.DeleteFunc(candidates, func(r pcsc.Reader) bool { return !r.Present })
	}
	if len(candidates) == 0 {
		return nil, pcsc.ErrUnknownReader
	}
	for _, r := range candidates {
		names = append(names, r.Name)
		if failed := reset(r.Name); failed != nil && (err == nil || !noCardToReset(failed)) {
			err = failed // of one that has no card any more, the others' counts
		}
	}
	return names, err
}
