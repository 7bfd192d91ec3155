package prompt

import (
	"slices"
	"testing"
)

// TestOneWarning: after a wrong PIN one line says so and, in the same place, that few tries
// are left; the last try has its own place above all.
func TestOneWarning(t *testing.T) {
	for _, lang := range []string{"fr", "en"} {
		q := questionsIn(lang)
		for name, c := range map[string]struct {
			ask  PIN
			want []string
		}{
			"first wrong":      {PIN{WrongPIN: true, CountLow: true}, []string{q.Text("dialog.wrong_pin_low")}},
			"wrong, not few":   {PIN{WrongPIN: true}, []string{q.Text("dialog.wrong_pin")}},
			"wrong, last try":  {PIN{WrongPIN: true, CountLow: true, FinalTry: true}, []string{q.Text("dialog.wrong_pin"), q.Text("card.pin.final_try")}},
			"wrong in the day": {PIN{CountLow: true}, []string{q.Text("card.pin.count_low")}},
			"a length":         {PIN{LengthHint: true, CountLow: true, MinLength: 4, MaxLength: 4}, []string{q.Text("dialog.pin_length", 4), q.Text("card.pin.count_low")}},
		} {
			if got := q.askPIN(c.ask).Warnings(); !slices.Equal(got, c.want) {
				t.Errorf("%s, %s: %q, want %q", lang, name, got, c.want)
			}
		}
	}
}
