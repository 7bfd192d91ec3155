package main

import (
	"reflect"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/notify"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
)

// TestToNotify: only cards that expire soon are told of.
func TestToNotify(t *testing.T) {
	soon := prompt.Holder{Name: "Dr TEST", NotAfter: "01/02/2027", Renew: true}
	got := toNotify(agent.State{Lang: "fr", Certificates: []agent.CertificateState{
		{ID: "a", Holder: prompt.Holder{Name: "Dr LOIN TEST"}}, {ID: "b", Holder: soon},
	}})
	want := notify.State{Lang: "fr", Cards: []notify.Card{{ID: "b", Holder: "Dr TEST", NotAfter: "01/02/2027"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
