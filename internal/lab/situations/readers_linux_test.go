package situations

import (
	"fmt"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vreader"
)

// readers are situations of readers with which nothing is wrong.
func readers() []situation {
	named := func(name string) func(t *testing.T) *world {
		return func(t *testing.T) *world {
			w := opensc(t, virtual.CardOptions{})
			w.reader(virtual.StationOptions{Reader: name, Card: w.station.Card()})
			return w
		}
	}
	return []situation{
		{"long_reader_name", named("HID Global OMNIKEY 3x21 Smart Card Reader [OMNIKEY 3x21 Smart Card Reader] 00 00")},
		{"reader_name_with_accents", named("Lecteur de carte à puce à contact « TEST » du cabinet médical de la rue Haute 00 00")},
		{"sixteen_readers", onCard(virtual.CardOptions{}, func(w *world) {
			for i := range 15 {
				_, err := w.station.Service().Plug(fmt.Sprintf("TEST reader %02d 00", i+1), vreader.ReaderOptions{})
				must(w.t, err)
			}
		})},
	}
}
