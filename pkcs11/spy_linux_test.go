package pkcs11

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
)

const spyModule = "/usr/lib/x86_64-linux-gnu/pkcs11/pkcs11-spy.so"

// spyCall is a call in a spy's log.
var spyCall = regexp.MustCompile(`(?m)^\d+: (C_\w+)$`)

// spiedLog is a pool on OpenSC with OpenSC's own spy before it, which writes log. No token
// is read again while a person is asked for a PIN.
func spiedLog(t *testing.T, card vcard.Card) (p *Pool, d *virtual.Station, log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "spy.log")
	t.Setenv("PKCS11SPY", openSC)
	t.Setenv("PKCS11SPY_OUTPUT", log)
	d, err := virtual.NewStation(virtual.StationOptions{Socket: pcscSocket, Card: card})
	if err != nil {
		t.Fatal(err)
	}
	if p, err = Open(t.Context(), Options{Modules: []string{spyModule}, TriesAfter: time.Hour}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), d.Stop()); err != nil {
			t.Error(err)
		}
	})
	return p, d, log
}

// spied is spiedLog with what counts of the calls since it was last asked.
func spied(t *testing.T, card vcard.Card) (p *Pool, d *virtual.Station, calls func() string) {
	t.Helper()
	p, d, log := spiedLog(t, card)
	read := 0
	// A C_Sign without room for an answer asks for its length: it signs nothing.
	length := regexp.MustCompile(`(?m)^\[out\] pSignature\[[^]]*\] NULL`)
	kind := regexp.MustCompile(`(?m)^\[in\] userType = (\w+)$`)
	return p, d, func() string {
		t.Helper()
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		part := string(text[read:])
		read = len(text)
		var names []string
		at := spyCall.FindAllStringSubmatchIndex(part, -1)
		for i, m := range at {
			end := len(part)
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			name, body := part[m[2]:m[3]], part[m[1]:end]
			switch name {
			case "C_Login":
				names = append(names, strings.TrimPrefix(kind.FindStringSubmatch(body)[1], "CKU_"))
			case "C_Sign":
				if !length.MatchString(body) {
					names = append(names, "Sign")
				}
			case "C_SignInit", "C_Logout":
				names = append(names, strings.TrimPrefix(name, "C_"))
			}
		}
		return strings.Join(names, " ")
	}
}

// What a login sends to the module: one C_Login for each PIN entered, one
// signature, and the log-out.
func TestTrace(t *testing.T) {
	eachType(t, func(t *testing.T, kind string) {
		p, d, calls := spied(t, newCard(t, virtual.CardOptions{Type: kind}))
		c := usable(t, p)
		signed := signatures(d)
		if got := calls(); got != "" {
			t.Errorf("a reading: %s", got)
		}
		if _, err := p.Sign(t.Context(), request(c, "1234", nil)); err != nil {
			t.Fatal(err)
		}
		if got := calls(); got != "USER SignInit Sign Logout" {
			t.Errorf("a login: %s", got)
		}
		if n := signed.Load(); n != 1 {
			t.Errorf("the card signed %d times", n)
		}
		if _, err := p.Sign(t.Context(), request(c, "9999", nil)); !errors.Is(err, ErrPINIncorrect) {
			t.Fatal(err)
		}
		if got := calls(); got != "USER" {
			t.Errorf("a wrong PIN: %s", got)
		}
		if _, err := p.Sign(t.Context(), request(c, "1", nil)); !errors.Is(err, ErrPINLength) {
			t.Fatal(err)
		}
		if got := calls(); got != "" {
			t.Errorf("a PIN of impossible length: %s", got)
		}
	})
}

// signatures counts the commands that make the card sign.
func signatures(d *virtual.Station) *atomic.Int32 {
	var n atomic.Int32
	d.Reader().SetTrace(func(command, _ []byte) {
		// INTERNAL AUTHENTICATE of a CPS3, the last part of a PIV card's
		// GENERAL AUTHENTICATE.
		if command[0] == 0 && (command[1] == 0x88 || command[1] == 0x87) {
			n.Add(1)
		}
	})
	return &n
}

// A key that wants the PIN for each use: the second C_Login comes after the
// first succeeded and after C_SignInit, and not at all after a wrong PIN.
func TestTraceAlwaysAuthenticate(t *testing.T) {
	p, _, calls := spied(t, newCard(t, virtual.CardOptions{Type: virtual.PIV, WithoutAuthentication: true, SignatureForLogin: true}))
	c := usable(t, p)
	if _, err := p.Sign(t.Context(), request(c, "1234", nil)); err != nil {
		t.Fatal(err)
	}
	if got := calls(); got != "USER SignInit CONTEXT_SPECIFIC Sign Logout" {
		t.Errorf("a login: %s", got)
	}
	if _, err := p.Sign(t.Context(), request(c, "9999", nil)); !errors.Is(err, ErrPINIncorrect) {
		t.Fatal(err)
	}
	if got := calls(); got != "USER" {
		t.Errorf("a wrong PIN: %s", got)
	}
}

// Nothing is sent to a card that is gone: neither the PIN of the one that was
// there, nor anything to the one that came.
func TestTraceCardGone(t *testing.T) {
	card := newCard(t, virtual.CardOptions{})
	p, d, calls := spied(t, card)
	c := usable(t, p)
	calls()
	r := request(c, "1234", nil)
	r.PIN = func(context.Context, PINRequest) ([]byte, error) { d.Remove(); return []byte("1234"), nil }
	if _, err := p.Sign(t.Context(), r); !errors.Is(err, ErrCardRemoved) {
		t.Fatal(err)
	}
	if got := calls(); got != "" {
		t.Errorf("removed while the person typed: %s", got)
	}
	d.Insert()
	c = usable(t, p)
	calls()
	r = request(c, "1234", nil)
	r.Signing = func() {
		d.Remove()
		d.Put(newCard(t, virtual.CardOptions{Serial: "00000002"}))
	}
	if _, err := p.Sign(t.Context(), r); err == nil {
		t.Fatal("signed with a card that was gone")
	}
	if got := calls(); strings.Count(got, "USER") != 1 || strings.Count(got, " Sign ") > 1 {
		t.Errorf("swapped while it signed: %s", got)
	}
	if n := d.Card().PIN().Tries(); n != 0 {
		t.Errorf("the card that came saw %d tries", n)
	}
}
