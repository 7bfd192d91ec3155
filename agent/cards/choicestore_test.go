package cards

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// The choice follows the holder's card through its renewal, and nobody else's.
func TestChoiceFollowsTheHolder(t *testing.T) {
	old, _ := fakes.Certificate(t, 1)
	renewed, _ := fakes.Certificate(t, 1)
	other, _ := fakes.Certificate(t, 2)
	chosen := ChosenOf(old)
	expired := renewed
	expired.Reason = pkcs11.Expired
	for name, c := range map[string]struct {
		list []pkcs11.Certificate
		want string
	}{
		"the very one":      {[]pkcs11.Certificate{other, old}, old.ID},
		"before a renewed":  {[]pkcs11.Certificate{renewed, old}, old.ID},
		"renewed":           {[]pkcs11.Certificate{other, renewed}, renewed.ID},
		"another's":         {[]pkcs11.Certificate{other}, ""},
		"two of the holder": {[]pkcs11.Certificate{renewed, renewed}, ""},
		"one that expired":  {[]pkcs11.Certificate{expired}, ""},
		"none":              {nil, ""},
	} {
		if got, ok := chosen.Among(pkcs11.Snapshot{Certificates: c.list}); got.ID != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %v", name, got.ID, ok)
		}
	}
	if _, ok := (Chosen{}).Among(pkcs11.Snapshot{Certificates: []pkcs11.Certificate{old}}); ok {
		t.Error("nothing was chosen, and one is")
	}
	kind := chosen
	kind.Kind = "CPE"
	if _, ok := kind.Among(pkcs11.Snapshot{Certificates: []pkcs11.Certificate{renewed}}); ok {
		t.Error("another kind of card is taken for it")
	}
	c := NewChoice(t.TempDir())
	if err := c.Set(chosen); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Get(); err != nil || got != chosen {
		t.Errorf("%+v, %v", got, err)
	}
}

// The test certificates end within the hour: soon enough to say so. One that
// has ended is said to have.
func TestRenewIsSaid(t *testing.T) {
	c, _ := fakes.Certificate(t, 1)
	if !EndsSoon(c) {
		t.Error("a card that ends within the hour is not said to end soon")
	}
	c.Reason = pkcs11.Expired
	if EndsSoon(c) {
		t.Error("an expired card is said to end soon")
	}
}
