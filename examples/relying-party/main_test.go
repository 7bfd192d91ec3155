package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/cardlogin/cardlogintest"
)

const origin = "https://portail.example.fr"

// authority issues the tests' cards.
var authority = sync.OnceValue(func() *cardlogintest.Authority {
	a, err := cardlogintest.NewAuthority()
	if err != nil {
		log.Fatal(err)
	}
	return a
})

// cas are the authority's certificates, the root's first.
func cas() []*x509.Certificate {
	group := authority().TrustGroup()
	return append(group.Roots, group.Intermediates...)
}

func newCard(t *testing.T, number int) *cardlogintest.Card {
	t.Helper()
	c, err := authority().Card("CPS", number)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newSite(t *testing.T) http.Handler {
	t.Helper()
	handler, err := newHandler(origin, cas(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func shows(t *testing.T, b *cardlogintest.Browser, want, never string) {
	t.Helper()
	status, page, err := b.Get("/")
	if err != nil || status != http.StatusOK || !strings.Contains(page, want) || strings.Contains(page, never) {
		t.Errorf("%d %v %s", status, err, page)
	}
}

func TestLogin(t *testing.T) {
	b := cardlogintest.NewBrowser(newSite(t), origin)
	shows(t, b, "<cpx-login ", "TEST-CPS0001")
	next, err := b.Login(newCard(t, 1))
	if err != nil || next != "/" {
		t.Fatal(next, err)
	}
	shows(t, b, "CAMILLE TEST-CPS0001, 899700070016, CPS, Pharmacien", "<cpx-login ")
	if _, err := b.Login(newCard(t, 2)); err != nil {
		t.Fatal(err)
	}
	shows(t, b, "TEST-CPS0002", "TEST-CPS0001")
	if status, page, err := b.Post("/auth/logout", nil); err != nil || status != http.StatusOK || !strings.Contains(page, "<cpx-login ") {
		t.Errorf("%d %v %s", status, err, page)
	}
}

// TestRefused: a card of another authority does not get in, and no token does twice.
func TestRefused(t *testing.T) {
	site := newSite(t)
	b := cardlogintest.NewBrowser(site, origin)
	other, err := cardlogintest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.Card("CPS", 1)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(want string, err error) {
		t.Helper()
		if why := (*cardlogintest.Refused)(nil); !errors.As(err, &why) || why.Reason != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	_, err = b.Login(foreign)
	refused("untrusted_ca", err)
	nonce, err := b.Challenge()
	if err != nil {
		t.Fatal(err)
	}
	token, err := newCard(t, 1).Token(origin, nonce)
	if err != nil {
		t.Fatal(err)
	}
	_, err = cardlogintest.NewBrowser(site, origin).Send(token)
	refused("no_session", err)
	if _, err := b.Send(token); err != nil {
		t.Error(err)
	}
	_, err = b.Send(token)
	refused("challenge_expired", err)
}

// TestLibrary: the page's script is served, and the page may load it.
func TestLibrary(t *testing.T) {
	b := cardlogintest.NewBrowser(newSite(t), origin)
	answer, err := b.Client.Get(origin + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(page), `src="/static/cpx-bridge/button.mjs"`) || answer.Header.Get("Content-Security-Policy") != csp {
		t.Errorf("%v %v %s", err, answer.Header, page)
	}
	if status, script, err := b.Get("/static/cpx-bridge/button.mjs"); err != nil || status != http.StatusOK || !strings.Contains(script, "cpx-login") {
		t.Errorf("%d %v %.60s", status, err, script)
	}
}

// TestServe: an error names what is missing.
func TestServe(t *testing.T) {
	for want, err := range map[string]error{
		"-ca FILE":  serve(origin, "", "", "", nil),
		"-listen":   serve(origin, "", "", "", cas()),
		"authtoken": serve("ftp://site.example:1", "", "", "", cas()),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestReadPEM(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cas()[0].Raw})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readPEM(path)
	if err != nil || len(got) != 1 || !got[0].Equal(cas()[0]) {
		t.Errorf("certificates %v, error %v", got, err)
	}
	if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readPEM(path); err == nil {
		t.Error("a file without certificate is accepted")
	}
}
