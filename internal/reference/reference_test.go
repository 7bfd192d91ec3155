package reference

import (
	"slices"
	"strings"
	"testing"
)

// TestNew: each reference is one that can be read out, all characters come, and none comes
// much more often than another at its place.
func TestNew(t *testing.T) {
	const drawn = 20000
	seen := map[string]bool{}
	count := map[rune]int{}
	for range drawn {
		r := New()
		if !Is(r) {
			t.Fatalf("%q is no reference", r)
		}
		seen[r] = true
		for _, c := range r {
			count[c]++
		}
	}
	// Of some three million that there are, twenty thousand have some seventy twice.
	if len(seen) < drawn-300 {
		t.Errorf("%d of %d differ", len(seen), drawn)
	}
	for _, c := range alphabet {
		if count[c] < drawn*Length/len(alphabet)/2 {
			t.Errorf("%c came %d times", c, count[c])
		}
	}
}

// TestAlphabet: of characters that are mistaken for one another no two are in a reference.
func TestAlphabet(t *testing.T) {
	for _, group := range []string{
		"0ODQ", "1ILJ7", "2Z", "5S", "6GC", "8B3", "UVY", "VW", // by eye
		"BCDEGPTVZ", "FS", "MN", "AKJ", "H8", "QK", "IY", "59", "GJ", // by ear
	} {
		in := 0
		for _, c := range group {
			if strings.ContainsRune(alphabet, c) {
				in++
			}
		}
		if in > 1 {
			t.Errorf("%d of %s", in, group)
		}
	}
	if strings.ContainsAny(alphabet, "AEIOUY") {
		t.Error("a vowel makes words")
	}
	sorted := []byte(alphabet)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != len(alphabet) {
		t.Errorf("a character stands twice in %s", alphabet)
	}
}

// TestRead: what a person heard or read finds the reference that was meant, and what is
// none is not made one.
func TestRead(t *testing.T) {
	for _, c := range []struct{ said, want string }{
		{"K7M4PX", "K7M4PX"}, {"k7m4px", "K7M4PX"}, {" K7M 4PX ", "K7M4PX"}, {"K7M-4PX", "K7M4PX"}, {"k.7.m.4.p.x.", "K7M4PX"},
		{"K7M\u00a04PX", "K7M4PX"}, {"«\u202fK7M4PX\u202f»", "K7M4PX"},
		{"K7N4TX", "K7M4PX"}, {"q7m4bx", "K7M4PX"},
		{"", ""}, {"K7M4P", ""}, {"K7M4PXX", ""}, {"K7M4P+", ""}, {"K77MPX", ""}, {"KHMRPX", ""}, {"Élodie", ""}, {"K7M4P1", ""}, {"FOLDER", ""},
	} {
		if got := Read(c.said); got != c.want {
			t.Errorf("%q is %q, want %q", c.said, got, c.want)
		}
	}
	for range 1000 {
		if r := New(); Read(strings.ToLower(r[:3]+" "+r[3:])) != r {
			t.Fatal(r)
		}
	}
}

// TestIn: references are found in a line of the log, and nothing else is one.
func TestIn(t *testing.T) {
	line := `time=2026-11-29T04:31:00.000Z level=INFO msg="login failed" code=1201 reference=K7M4PX references=R4W9HK,P6X3FM MARTIN`
	if got := In(line); !slices.Equal(got, []string{"K7M4PX", "R4W9HK", "P6X3FM"}) {
		t.Error(got)
	}
}
