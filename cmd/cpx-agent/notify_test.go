package main

import (
	"reflect"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/notify"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
)

// still is an agent whose state does not change.
type still struct {
	state agent.State
	err   error
}

func (s still) State() agent.State           { return s.state }
func (s still) Sites() ([]sites.Site, error) { return nil, s.err }

// TestToNotify: only cards that expire soon are told of, and why no site can be
// remembered.
func TestToNotify(t *testing.T) {
	soon := prompt.Holder{Name: "Dr TEST", NotAfter: "01/02/2027", Renew: true}
	state := agent.State{Lang: "fr", Certificates: []agent.CertificateState{
		{ID: "a", Holder: prompt.Holder{Name: "Dr LOIN TEST"}}, {ID: "b", Holder: soon},
	}}
	want := notify.State{Lang: "fr", Cards: []notify.Card{{ID: "b", Holder: "Dr TEST", NotAfter: "01/02/2027"}}}
	if got := toNotify(still{state, nil}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := toNotify(still{state, sites.ErrLocked}); got.Keyring != sites.Why(sites.ErrLocked, "fr") {
		t.Errorf("%+v", got)
	}
}
