package pkcs11

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// Readers as people have them, whose names a slot's description has no room for.
const (
	omnikey = "HID Global OMNIKEY 3x21 Smart Card Reader [OMNIKEY 3x21 Smart Card Reader] 00 00"
	generic = "Generic USB2.0-CRW [Smart Card Reader Interface] (20070818000000000) 00 00"
)

// twin is the n-th of readers whose names differ only behind the cut.
func twin(n int) string {
	return strings.TrimSuffix(omnikey, "00 00") + "0" + string(rune('0'+n)) + " 00"
}

// piped is a description as it comes from a module's process.
func piped(t *testing.T, description string) string {
	t.Helper()
	text, err := json.Marshal(description)
	if err != nil {
		t.Fatal(err)
	}
	var out string
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReadersOf(t *testing.T) {
	long := strings.Repeat("Lecteur ", 12)
	letters := strings.Repeat("x", 60) + "é and more" // 61 octets end in a letter
	atEnd := strings.Repeat("x", 63) + "é and more"   // 64 octets do
	latin1 := "Lecteur \xE9 puce 00 00"               // a service's name that is no UTF-8
	a, b := long+"one reader 00 00", long+"one reader 01 00"
	fits := long[:64]
	for name, c := range map[string]struct {
		descriptions, readers []string
		want                  string // the readers of each slot, as numbers
	}{
		"the very name":                   {[]string{"R", "S"}, []string{"S", "R"}, "1|0"},
		"another name":                    {[]string{"Reader 00 0"}, []string{"Reader 00 00"}, ""},
		"no reader at all":                {[]string{"R"}, nil, ""},
		"cut":                             {[]string{a[:64]}, []string{"R", a}, "1"},
		"cut, with a zero at its end":     {[]string{a[:63] + "\x00"}, []string{a}, "0"},
		"cut before blanks":               {[]string{strings.TrimRight(a[:64], " ")}, []string{a}, "0"},
		"dots":                            {[]string{a[:61] + "..."}, []string{a, "R"}, "0"},
		"dots within a letter":            {[]string{letters[:61] + "..."}, []string{letters}, "0"},
		"cut within a letter":             {[]string{atEnd[:64]}, []string{atEnd}, "0"},
		"a name that is no UTF-8":         {[]string{latin1}, []string{latin1}, "0"},
		"too little of a name":            {[]string{a[:40], a[:61] + "..."}, []string{a}, "|0"},
		"a short name is not cut":         {[]string{fits[:61] + "..."}, []string{fits}, ""},
		"twins":                           {[]string{a[:61] + "...", a[:61] + "..."}, []string{a, b}, "0,1|0,1"},
		"one of twins, the other's slot":  {[]string{a[:61] + "..."}, []string{a, b}, "0,1"},
		"a name that fits, and a longer":  {[]string{fits}, []string{fits, a}, "0"},
		"a name that fits, and its twins": {[]string{fits, fits}, []string{fits, a}, "0,1|0,1"},
		"two slots of one reader":         {[]string{"R", "R"}, []string{"R"}, "0|0"},
	} {
		var slots []Slot
		for i, d := range c.descriptions {
			slots = append(slots, Slot{Module: "m", ID: uint(i), Description: trim(piped(t, d))})
		}
		if got := numbers(ReadersOf(slots, c.readers), c.readers); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func numbers(found [][]string, readers []string) string {
	var slots []string
	for _, names := range found {
		var list []string
		for _, n := range names {
			list = append(list, string(rune('0'+slices.Index(readers, n))))
		}
		slots = append(slots, strings.Join(list, ","))
	}
	return strings.Join(slots, "|")
}

// A reader with a long name that no slot bears, and the slot that is left, go
// together; only where the slot is hardware, and each module for itself.
func TestSpareReader(t *testing.T) {
	readers := []string{"R", omnikey}
	for name, c := range map[string]struct {
		slots []Slot
		want  string
	}{
		"shortened":                  {[]Slot{{Description: "R", Hardware: true}, {ID: 1, Description: "HID OMNIKEY 3x21 00 00", Hardware: true}}, "0|1"},
		"a token in software":        {[]Slot{{Description: "R", Hardware: true}, {ID: 1, Description: "SoftHSM slot"}}, "0|"},
		"another module's":           {[]Slot{{Description: "R", Hardware: true}, {Module: "n", Description: omnikey[:64], Hardware: true}}, "0|1"},
		"a short one is never meant": {[]Slot{{Description: omnikey[:64], Hardware: true}, {ID: 1, Description: "X", Hardware: true}}, "1|"},
	} {
		if got := numbers(ReadersOf(c.slots, readers), readers); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Every card that may be the one is reset, also where the reset of another fails.
func TestResetSlot(t *testing.T) {
	all := []Slot{{Description: twin(0)[:61] + "..."}, {ID: 1, Description: twin(0)[:61] + "..."}, {ID: 2, Description: "R"}}
	in := func(present ...bool) (readers []pcsc.Reader) {
		for i, p := range present {
			readers = append(readers, pcsc.Reader{Name: twin(i), Present: p})
		}
		return append(readers, pcsc.Reader{Name: "R", Present: true})
	}
	broken := errors.New("in use")
	for name, c := range map[string]struct {
		readers []pcsc.Reader
		fails   map[string]error
		reset   []string
		err     error
	}{
		"one holds a card":         {in(false, true), nil, []string{twin(1)}, nil},
		"both do":                  {in(true, true), nil, []string{twin(0), twin(1)}, nil},
		"none does any more":       {in(false, false), nil, nil, pcsc.ErrUnknownReader},
		"the first fails":          {in(true, true), map[string]error{twin(0): broken}, []string{twin(0), twin(1)}, broken},
		"the first has gone since": {in(true, true), map[string]error{twin(0): pcsc.ErrUnknownReader, twin(1): broken}, []string{twin(0), twin(1)}, broken},
	} {
		var reset []string
		_, err := resetSlot(all[0], all, c.readers, func(r string) error { reset = append(reset, r); return c.fails[r] })
		if !slices.Equal(reset, c.reset) || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", name, reset, err)
		}
	}
}
