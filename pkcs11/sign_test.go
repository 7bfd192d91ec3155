package pkcs11

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"math/big"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
)

// verify uses the standard library alone, not the package's own check.
func verify(t *testing.T, s Signature) {
	t.Helper()
	text, err := message(s.Algorithm)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	digest := sum[:]
	switch s.Algorithm {
	case ES384:
		long := sha512.Sum384(text)
		digest = long[:]
	case ES512:
		long := sha512.Sum512(text)
		digest = long[:]
	}
	switch key := s.Certificate.X509.PublicKey.(type) {
	case *rsa.PublicKey:
		if s.Algorithm == PS256 {
			err = rsa.VerifyPSS(key, crypto.SHA256, digest, s.Value, &rsa.PSSOptions{SaltLength: 32})
		} else {
			err = rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, s.Value)
		}
	case *ecdsa.PublicKey:
		half := len(s.Value) / 2
		if !ecdsa.Verify(key, digest, new(big.Int).SetBytes(s.Value[:half]), new(big.Int).SetBytes(s.Value[half:])) {
			err = errors.New("ecdsa")
		}
	}
	if err != nil {
		t.Fatalf("the signature does not verify: %v", err)
	}
}

func TestSign(t *testing.T) {
	for _, c := range []struct {
		card       string
		mechanisms map[uint]bool
		algorithm  Algorithm
		length     int
	}{
		{"cps", nil, RS256, 256},
		{"cps", map[uint]bool{p11.CKM_SHA256_RSA_PKCS: true, p11.CKM_RSA_PKCS_PSS: true}, RS256, 256},
		{"cps", map[uint]bool{p11.CKM_RSA_PKCS_PSS: true}, PS256, 256},
		{"cps", map[uint]bool{p11.CKM_SHA256_RSA_PKCS_PSS: true}, PS256, 256},
		{"cps-ec", nil, ES256, 64},
		{"cps-ec384", nil, ES384, 96},
		{"cps-ec521", nil, ES512, 132},
	} {
		t.Run(c.card+"/"+string(c.algorithm), func(t *testing.T) {
			p, f := pool(t)
			f.mechanisms = c.mechanisms
			chosen := authentication(t, p, c.card)
			var asked, working int
			r := request(chosen, democard.PIN, &asked)
			r.Signing = func() { working++ }
			s, err := p.Sign(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if s.Algorithm != c.algorithm || len(s.Value) != c.length || s.Certificate.ID != chosen.ID {
				t.Errorf("%s, %d bytes", s.Algorithm, len(s.Value))
			}
			verify(t, s)
			if got := f.record(); got != "login1 sign logout" || asked != 1 || working != 1 {
				t.Errorf("calls %q, asked %d, working %d", got, asked, working)
			}
			closed(t, f, chosen)
		})
	}
}

// closed shows that nothing is logged in on the token any more.
func closed(t *testing.T, f *faulty, c Certificate) {
	t.Helper()
	s, err := f.driver.OpenSession(c.Slot.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer f.CloseSession(s)
	if state, err := f.SessionState(s); err != nil || state != p11.CKS_RO_PUBLIC_SESSION {
		t.Errorf("the token is open: state %d, %v", state, err)
	}
}

func TestWrongPINIsOneTry(t *testing.T) {
	p, f := pool(t)
	c := authentication(t, p, "cps")
	var asked int
	_, err := p.Sign(t.Context(), request(c, "9999", &asked))
	mustBe(t, err, ErrPINIncorrect)
	var call *Error
	if !errors.As(err, &call) || call.CKR != p11.CKR_PIN_INCORRECT || call.Op != "C_Login" {
		t.Errorf("the module's own answer is lost: %v", err)
	}
	var pin *PINError
	if !errors.As(err, &pin) || pin.Locked {
		t.Errorf("nothing about the tries: %v", err)
	}
	if got := f.record(); got != "login1" || asked != 1 {
		t.Errorf("calls %q, asked %d", got, asked)
	}
	closed(t, f, c)
}

// A card that some other part of the process left open must not sign without
// the right PIN.
func TestOpenTokenStillAsks(t *testing.T) {
	p, f := pool(t)
	c := authentication(t, p, "cps")
	s, err := f.driver.OpenSession(c.Slot.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer f.CloseSession(s)
	if err := f.driver.Login(s, p11.CKU_USER, []byte(democard.PIN)); err != nil {
		t.Fatal(err)
	}
	var asked int
	_, err = p.Sign(t.Context(), request(c, "9999", &asked))
	mustBe(t, err, ErrPINIncorrect)
}

// Nothing of this reaches the card.
func TestNoTryIsSpent(t *testing.T) {
	refused := errors.New("the person refused")
	for _, c := range []struct {
		name, card, label string
		prepare           func(t *testing.T, f *faulty)
		pin               PINFunc
		want              error
		asked             bool
	}{
		{name: "person refuses", want: refused, asked: true,
			pin: func(context.Context, PINRequest) ([]byte, error) { return nil, refused }},
		{name: "too short", want: ErrPINLength, asked: true, pin: types("123")},
		{name: "too long", want: ErrPINLength, asked: true, pin: types(string(make([]byte, 300)))},
		{name: "empty", want: ErrPINLength, asked: true, pin: types("")},
		{name: "empty, length not known", want: ErrPINLength, asked: true, pin: types(""),
			prepare: func(_ *testing.T, f *faulty) {
				f.token = func(i *p11.TokenInfo) { i.MinPinLen, i.MaxPinLen = ^uint(0), ^uint(0) }
			}},
		{name: "key without PIN", card: "technical", label: "Technique", want: ErrKeyWithoutPIN},
		{name: "signature certificate", card: "signature-only", label: "Signature", want: ErrUnusable},
		{name: "expired", card: "expired", want: ErrUnusable},
		{name: "locked", want: ErrPINLocked, prepare: flags(p11.CKF_USER_PIN_LOCKED, 0)},
		{name: "not set", want: ErrPINNotSet, prepare: flags(0, p11.CKF_USER_PIN_INITIALIZED)},
		{name: "to be changed", want: ErrPINExpired, prepare: flags(p11.CKF_USER_PIN_TO_BE_CHANGED, 0)},
		{name: "no mechanism", want: ErrUnsupported, prepare: func(_ *testing.T, f *faulty) { f.mechanisms = map[uint]bool{p11.CKM_RSA_X_509: true} }},
		{name: "token without login", want: ErrKeyWithoutPIN, prepare: flags(0, p11.CKF_LOGIN_REQUIRED)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, f := pool(t)
			if c.card == "" {
				c.card = "cps"
			}
			if c.label == "" {
				c.label = "Authentification"
			}
			if c.prepare != nil {
				c.prepare(t, f)
			}
			if c.pin == nil {
				c.pin = types(democard.PIN)
			}
			asked := false
			_, err := p.Sign(t.Context(), Request{
				CertificateID: certificate(t, p, c.card, c.label).ID, Message: message,
				PIN: func(ctx context.Context, ask PINRequest) ([]byte, error) { asked = true; return c.pin(ctx, ask) },
			})
			mustBe(t, err, c.want)
			if f.record() != "" || asked != c.asked {
				t.Errorf("calls %q, asked %v", f.record(), asked)
			}
		})
	}
}

func types(pin string) PINFunc {
	return func(context.Context, PINRequest) ([]byte, error) { return []byte(pin), nil }
}

func flags(set, unset uint) func(*testing.T, *faulty) {
	return func(_ *testing.T, f *faulty) {
		f.token = func(i *p11.TokenInfo) { i.Flags = i.Flags&^unset | set }
	}
}

// A length that the module does not know refuses nobody.
func TestUnknownPINLength(t *testing.T) {
	p, f := pool(t)
	f.token = func(i *p11.TokenInfo) { i.MinPinLen, i.MaxPinLen = ^uint(0), 0xffffffff }
	var asked int
	s, err := p.Sign(t.Context(), request(authentication(t, p, "cps"), democard.PIN, &asked))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s)
}

// The PIN of one card is never sent to another.
func TestCardChangedWhileThePersonTypes(t *testing.T) {
	p, f := pool(t)
	c := authentication(t, p, "cps-2")
	r := request(c, "", new(int))
	r.PIN = func(context.Context, PINRequest) ([]byte, error) {
		renew(t, "cps-2")
		return []byte(democard.PIN), nil
	}
	_, err := p.Sign(t.Context(), r)
	mustBe(t, err, ErrCardChanged)
	if f.record() != "" {
		t.Errorf("calls %q", f.record())
	}
	_, err = p.Sign(t.Context(), r) // the former certificate, chosen before
	mustBe(t, err, ErrCardChanged)
}

// The certificate may be on two tokens, each with a PIN of its own.
func TestOtherLabelWhileThePersonTypes(t *testing.T) {
	p, f := pool(t)
	withoutPCSC(p)
	r := request(authentication(t, p, "cps"), "", new(int))
	r.PIN = func(context.Context, PINRequest) ([]byte, error) {
		f.token = func(i *p11.TokenInfo) { i.Label = "TEST another" }
		return []byte(democard.PIN), nil
	}
	_, err := p.Sign(t.Context(), r)
	mustBe(t, err, ErrCardChanged)
	if f.record() != "" {
		t.Errorf("calls %q", f.record())
	}
}

func TestCardPulled(t *testing.T) {
	p, f := pool(t)
	c := authentication(t, p, "cps")
	r := request(c, "", new(int))
	r.PIN = func(context.Context, PINRequest) ([]byte, error) {
		f.tokenErr = wrap("C_GetTokenInfo", softHSM, p11.Error(p11.CKR_TOKEN_NOT_PRESENT))
		return []byte(democard.PIN), nil
	}
	_, err := p.Sign(t.Context(), r)
	mustBe(t, err, ErrCardRemoved)
	if f.record() != "" {
		t.Errorf("calls %q", f.record())
	}
}

// Modules tell of a card pulled at the last moment by a general error.
func TestCardPulledDuringLogin(t *testing.T) {
	p, f := pool(t)
	c := authentication(t, p, "cps")
	f.login = func(uint, []byte) error {
		f.tokenErr = wrap("C_GetTokenInfo", softHSM, p11.Error(p11.CKR_TOKEN_NOT_PRESENT))
		return wrap("C_Login", softHSM, p11.Error(p11.CKR_GENERAL_ERROR))
	}
	_, err := p.Sign(t.Context(), request(c, democard.PIN, new(int)))
	mustBe(t, err, ErrCardRemoved)
	if f.record() != "login1" {
		t.Errorf("calls %q", f.record())
	}
}

func TestModuleFailsWithTheCardIn(t *testing.T) {
	p, f := pool(t)
	c := authentication(t, p, "cps")
	f.login = func(uint, []byte) error { return wrap("C_Login", softHSM, p11.Error(p11.CKR_GENERAL_ERROR)) }
	_, err := p.Sign(t.Context(), request(c, democard.PIN, new(int)))
	mustBe(t, err, ErrModuleFailed)
	if errors.Is(err, ErrCardRemoved) || f.record() != "login1" {
		t.Errorf("%v, calls %q", err, f.record())
	}
}

func TestAlwaysAuthenticate(t *testing.T) {
	always := func(f *faulty) {
		f.skipLogin = map[uint]bool{p11.CKU_CONTEXT_SPECIFIC: true} // SoftHSM's key does not ask for it
		f.attribute = func(kind uint) []byte {
			if kind == p11.CKA_ALWAYS_AUTHENTICATE {
				return []byte{1}
			}
			return nil
		}
	}
	t.Run("good", func(t *testing.T) {
		p, f := pool(t)
		always(f)
		var second string
		f.login = func(user uint, pin []byte) error {
			if user == p11.CKU_CONTEXT_SPECIFIC {
				second = string(pin)
			}
			return nil
		}
		var asked int
		s, err := p.Sign(t.Context(), request(authentication(t, p, "cps"), democard.PIN, &asked))
		if err != nil {
			t.Fatal(err)
		}
		verify(t, s)
		if f.record() != "login1 login2 sign logout" || second != democard.PIN || asked != 1 {
			t.Errorf("calls %q, second entry %q, asked %d", f.record(), second, asked)
		}
	})
	t.Run("first refused", func(t *testing.T) {
		p, f := pool(t)
		always(f)
		_, err := p.Sign(t.Context(), request(authentication(t, p, "cps"), "9999", new(int)))
		mustBe(t, err, ErrPINIncorrect)
		if f.record() != "login1" {
			t.Errorf("calls %q", f.record())
		}
	})
	t.Run("second refused", func(t *testing.T) {
		p, f := pool(t)
		always(f)
		f.login = func(user uint, _ []byte) error {
			if user == p11.CKU_CONTEXT_SPECIFIC {
				return wrap("C_Login", softHSM, p11.Error(p11.CKR_PIN_INCORRECT))
			}
			return nil
		}
		_, err := p.Sign(t.Context(), request(authentication(t, p, "cps"), democard.PIN, new(int)))
		mustBe(t, err, ErrPINIncorrect)
		if f.record() != "login1 login2 logout" {
			t.Errorf("calls %q", f.record())
		}
	})
}

// No error of C_Sign brings a second try, in particular not this one, after
// which some modules send the PIN they kept.
func TestNoSecondTryAfterSign(t *testing.T) {
	p, f := pool(t)
	f.sign = func([]byte) ([]byte, error) {
		return nil, wrap("C_Sign", softHSM, p11.Error(p11.CKR_USER_NOT_LOGGED_IN))
	}
	var asked int
	_, err := p.Sign(t.Context(), request(authentication(t, p, "cps"), democard.PIN, &asked))
	mustBe(t, err, ErrModuleFailed)
	if f.record() != "login1 sign logout" || asked != 1 {
		t.Errorf("calls %q, asked %d", f.record(), asked)
	}
}

// A module that serves a stale cache signs with another card's key.
func TestSignatureOfAnotherKey(t *testing.T) {
	p, f := pool(t)
	f.sign = func(v []byte) ([]byte, error) { v[10] ^= 1; return v, nil }
	for _, card := range []string{"cps", "cps-ec"} {
		_, err := p.Sign(t.Context(), request(authentication(t, p, card), democard.PIN, new(int)))
		mustBe(t, err, ErrModuleFailed)
	}
}

func TestNoKeyAndPublicKeyAfterLogin(t *testing.T) {
	p, f := pool(t)
	c := authentication(t, p, "cps")
	opened := false
	f.login = func(uint, []byte) error { opened = true; return nil }
	f.find = func(found []p11.ObjectHandle) []p11.ObjectHandle {
		if opened {
			return nil
		}
		return found
	}
	_, err := p.Sign(t.Context(), request(c, democard.PIN, new(int)))
	mustBe(t, err, ErrNoKey)
	f.find, opened = nil, false
	f.attribute = func(kind uint) []byte {
		if opened && kind == p11.CKA_PRIVATE {
			return []byte{0}
		}
		return nil
	}
	_, err = p.Sign(t.Context(), request(c, democard.PIN, new(int)))
	mustBe(t, err, ErrKeyWithoutPIN)
}

func TestPINIsWiped(t *testing.T) {
	for _, pin := range []string{democard.PIN, "9999", "123"} {
		p, _ := pool(t)
		held := []byte(pin)
		r := request(authentication(t, p, "cps"), "", new(int))
		r.PIN = func(context.Context, PINRequest) ([]byte, error) { return held, nil }
		_, _ = p.Sign(t.Context(), r)
		if m := p.modules[0]; p.acquire(t.Context(), m) == nil { // after the card's work
			p.release(m)
		}
		for _, b := range held {
			if b != 0 {
				t.Errorf("%q was left in memory", pin)
				break
			}
		}
	}
}

// A card with a PIN pad is asked without a PIN, which stands for "on the reader".
func TestProtectedPath(t *testing.T) {
	p, f := pool(t)
	f.token = func(i *p11.TokenInfo) { i.Flags |= p11.CKF_PROTECTED_AUTHENTICATION_PATH }
	f.skipLogin = map[uint]bool{}
	var sent []byte
	f.login = func(_ uint, pin []byte) error {
		sent = pin
		return wrap("C_Login", softHSM, p11.Error(p11.CKR_FUNCTION_CANCELED))
	}
	r := request(authentication(t, p, "cps"), "", new(int))
	r.PIN = func(_ context.Context, ask PINRequest) ([]byte, error) {
		if !ask.Token.ProtectedPath {
			t.Error("the dialog is not told of the PIN pad")
		}
		return nil, nil
	}
	_, err := p.Sign(t.Context(), r)
	mustBe(t, err, ErrCancelled)
	if sent != nil || f.record() != "login1" {
		t.Errorf("sent %q, calls %q", sent, f.record())
	}
}

// The same certificate on another token is another card.
func TestSameCertificateOnAnotherCard(t *testing.T) {
	p, f := pool(t)
	r := request(authentication(t, p, "cps"), "", new(int))
	r.PIN = func(context.Context, PINRequest) ([]byte, error) {
		f.token = func(i *p11.TokenInfo) { i.SerialNumber = "another" }
		return []byte(democard.PIN), nil
	}
	_, err := p.Sign(t.Context(), r)
	mustBe(t, err, ErrCardChanged)
	if f.record() != "" {
		t.Errorf("calls %q", f.record())
	}
}
