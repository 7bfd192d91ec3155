package cards

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// TestEveryReason: whatever package pkcs11 holds against a certificate, no login
// takes it, the page learns why, and a person reads it.
func TestEveryReason(t *testing.T) {
	certificate, _ := fakes.Certificate(t, 1)
	for _, reason := range pkcs11.Reasons() {
		certificate.Reason = reason
		s := pkcs11.Snapshot{Slots: []pkcs11.Slot{certificate.Slot}, Certificates: []pkcs11.Certificate{certificate}}
		if fitting := Fitting(s); len(fitting) > 0 {
			t.Errorf("%s: a login would take it", reason)
		}
		if e := NoneFits(s); e.Code != protocol.CodeNoCertificate || e.Data.Detail != string(reason) {
			t.Errorf("%s: the page gets %+v", reason, e.Data)
		}
		x := certificateState(certificate)
		if x.Usable || x.Reason != string(reason) {
			t.Errorf("%s: shown as %q, usable: %v", reason, x.Reason, x.Usable)
		}
		for _, lang := range []string{language.French, language.English} {
			if text := state.ReasonText(x.Reason, lang); text == "" || text == state.ReasonText(state.ReasonUsable, lang) {
				t.Errorf("%s: %s reads %q", lang, reason, text)
			}
		}
	}
}

// TestHidden: a card that shows no certificate before its PIN is told as such, and one
// of which that is not known as a card that nothing knows.
func TestHidden(t *testing.T) {
	slot := pkcs11.Slot{Module: "test", Description: fakes.ReaderName, Token: &pkcs11.Token{Label: "TEST"}}
	if e := NoneFits(pkcs11.Snapshot{Slots: []pkcs11.Slot{slot}}); e.Code != protocol.CodeCardUnsupported {
		t.Errorf("%+v", e)
	}
	failed := slot
	failed.Failure = fmt.Errorf("TEST: %w", pkcs11.ErrModuleFailed)
	if e := NoneFits(pkcs11.Snapshot{Slots: []pkcs11.Slot{failed}}); e.Code != protocol.CodeModuleFailed {
		t.Errorf("%+v", e)
	}
	if r := Report(pkcs11.Snapshot{Slots: []pkcs11.Slot{failed}}, nil, Chosen{}, pcsc.Event{}); len(r.Readers) != 1 || !strings.Contains(r.Readers[0].Error, "TEST") {
		t.Errorf("%+v", r)
	}
	slot.Hidden = true
	s := pkcs11.Snapshot{Slots: []pkcs11.Slot{slot}}
	if e := NoneFits(s); e.Code != protocol.CodeNoCertificate || e.Data.Detail != protocol.DetailHidden {
		t.Errorf("%+v", e)
	}
	expired, _ := fakes.Certificate(t, 1)
	expired.Reason = pkcs11.Expired
	s.Certificates = append(s.Certificates, expired)
	if e := NoneFits(s); e.Data.Detail != string(pkcs11.Expired) {
		t.Errorf("what is known of another card comes first: %+v", e.Data)
	}
}
