package main

import (
	"reflect"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/notify"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
)

// TestToNotify: the person is notified only of cards that expire soon, and of why
// no site can be remembered.
func TestToNotify(t *testing.T) {
	end := time.Date(2027, 2, 1, 12, 0, 0, 0, time.UTC)
	s := state.State{Lang: "fr", Cards: state.Cards{Certificates: []state.Certificate{
		{ID: "a", Holder: "Dr LOIN TEST", NotAfter: end}, {ID: "b", Holder: "Dr TEST", NotAfter: end, Renew: true},
	}}}
	want := notify.State{Lang: "fr", Cards: []notify.Card{{ID: "b", NotAfter: "01/02/2027"}}}
	if got := toNotify(s); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	s.SitesFailure = &state.Failure{Reason: sites.Reason(sites.ErrLocked)}
	if got := toNotify(s); got.Keyring != sites.Why(sites.ErrLocked, "fr") {
		t.Errorf("%+v", got)
	}
	s.UnknownSitesPaused = end
	if got := toNotify(s); got.Paused == "" || got.Paused != s.PauseText("fr") {
		t.Errorf("%+v", got)
	}
}
