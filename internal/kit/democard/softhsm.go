package democard

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"os"

	p11 "github.com/miekg/pkcs11"
)

// ErrNoSoftHSM says that SoftHSM is not installed, and how to install it.
var ErrNoSoftHSM = errors.New("SoftHSM is not installed (on Debian and Ubuntu: apt-get install softhsm2), or name its module in CPX_SOFTHSM")

// Module is the path of SoftHSM's module.
func Module() (string, error) {
	if named := os.Getenv("CPX_SOFTHSM"); named != "" {
		if _, err := os.Stat(named); err != nil {
			return "", fmt.Errorf("CPX_SOFTHSM: %w", err)
		}
		return named, nil
	}
	for _, path := range []string{
		"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
		"/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so",
		"/usr/lib64/pkcs11/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so",
	} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", ErrNoSoftHSM
}

// hsm is SoftHSM in this process, with the tokens of one folder.
type hsm struct{ ctx *p11.Ctx }

// openHSM loads SoftHSM, which reads SOFTHSM2_CONF when it is initialised: a
// process can use one folder at a time.
func openHSM(module, conf string) (*hsm, error) {
	if err := os.Setenv("SOFTHSM2_CONF", conf); err != nil {
		return nil, err
	}
	ctx := p11.New(module)
	if ctx == nil {
		return nil, fmt.Errorf("%s is not a PKCS#11 library", module)
	}
	if err := ctx.Initialize(); err != nil {
		ctx.Destroy()
		return nil, fmt.Errorf("SoftHSM: %w", err)
	}
	return &hsm{ctx}, nil
}

func (h *hsm) close() {
	_ = h.ctx.Finalize()
	h.ctx.Destroy()
}

// soPIN is the security officer's PIN of every demonstration token.
const soPIN = "12345678"

// newToken initialises the free slot and returns a session logged in as the
// card's holder.
func (h *hsm) newToken(label string) (p11.SessionHandle, error) {
	slots, err := h.ctx.GetSlotList(true)
	if err != nil {
		return 0, err
	}
	for _, slot := range slots {
		info, err := h.ctx.GetTokenInfo(slot)
		if err != nil {
			return 0, err
		}
		if info.Flags&p11.CKF_TOKEN_INITIALIZED == 0 {
			if err := h.ctx.InitToken(slot, soPIN, label); err != nil {
				return 0, fmt.Errorf("C_InitToken: %w", err)
			}
			return h.setPIN(label)
		}
	}
	return 0, errors.New("SoftHSM has no free slot")
}

// setPIN finds the token by its label, because SoftHSM moves a new token to
// another slot.
func (h *hsm) setPIN(label string) (p11.SessionHandle, error) {
	slot, err := h.slot(label)
	if err != nil {
		return 0, err
	}
	s, err := h.ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
	if err != nil {
		return 0, err
	}
	return s, errors.Join(h.ctx.Login(s, p11.CKU_SO, soPIN), h.ctx.InitPIN(s, PIN), h.ctx.Logout(s), h.ctx.Login(s, p11.CKU_USER, PIN))
}

func (h *hsm) slot(label string) (uint, error) {
	slots, err := h.ctx.GetSlotList(true)
	if err != nil {
		return 0, err
	}
	for _, slot := range slots {
		if info, err := h.ctx.GetTokenInfo(slot); err == nil && info.Label == label {
			return slot, nil
		}
	}
	return 0, fmt.Errorf("no token %q", label)
}

// login opens a logged-in session on an existing token.
func (h *hsm) login(label string) (p11.SessionHandle, error) {
	slot, err := h.slot(label)
	if err != nil {
		return 0, err
	}
	s, err := h.ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
	if err != nil {
		return 0, err
	}
	return s, h.ctx.Login(s, p11.CKU_USER, PIN)
}

// empty destroys every object of the session's token.
func (h *hsm) empty(s p11.SessionHandle) error {
	if err := h.ctx.FindObjectsInit(s, nil); err != nil {
		return err
	}
	objects, _, err := h.ctx.FindObjects(s, 100)
	if err := errors.Join(err, h.ctx.FindObjectsFinal(s)); err != nil {
		return err
	}
	for _, o := range objects {
		if err := h.ctx.DestroyObject(s, o); err != nil {
			return err
		}
	}
	return nil
}

// putKey imports a key. With open it is usable without a PIN, as a card's technical
// key is.
func (h *hsm) putKey(s p11.SessionHandle, key crypto.Signer, id []byte, label string, open bool) error {
	attributes := []*p11.Attribute{
		p11.NewAttribute(p11.CKA_CLASS, p11.CKO_PRIVATE_KEY), p11.NewAttribute(p11.CKA_TOKEN, true),
		p11.NewAttribute(p11.CKA_PRIVATE, !open), p11.NewAttribute(p11.CKA_SENSITIVE, true), p11.NewAttribute(p11.CKA_EXTRACTABLE, false),
		p11.NewAttribute(p11.CKA_SIGN, true), p11.NewAttribute(p11.CKA_ID, id), p11.NewAttribute(p11.CKA_LABEL, label),
	}
	own, err := KeyAttributes(key)
	if err != nil {
		return err
	}
	if _, err := h.ctx.CreateObject(s, append(attributes, own...)); err != nil {
		return fmt.Errorf("import of the key: %w", err)
	}
	return nil
}

func (h *hsm) putCertificate(s p11.SessionHandle, c *x509.Certificate, id []byte, label string) error {
	_, err := h.ctx.CreateObject(s, []*p11.Attribute{
		p11.NewAttribute(p11.CKA_CLASS, p11.CKO_CERTIFICATE), p11.NewAttribute(p11.CKA_CERTIFICATE_TYPE, p11.CKC_X_509),
		p11.NewAttribute(p11.CKA_TOKEN, true), p11.NewAttribute(p11.CKA_PRIVATE, false),
		p11.NewAttribute(p11.CKA_ID, id), p11.NewAttribute(p11.CKA_LABEL, label),
		p11.NewAttribute(p11.CKA_SUBJECT, c.RawSubject), p11.NewAttribute(p11.CKA_ISSUER, c.RawIssuer), p11.NewAttribute(p11.CKA_VALUE, c.Raw),
	})
	if err != nil {
		return fmt.Errorf("import of the certificate: %w", err)
	}
	return nil
}

// KeyAttributes are what a private key object says of its key, as C_CreateObject takes
// it.
func KeyAttributes(key crypto.Signer) ([]*p11.Attribute, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		k.Precompute()
		return []*p11.Attribute{
			p11.NewAttribute(p11.CKA_KEY_TYPE, p11.CKK_RSA),
			p11.NewAttribute(p11.CKA_MODULUS, k.N.Bytes()),
			p11.NewAttribute(p11.CKA_PUBLIC_EXPONENT, []byte{byte(k.E >> 16), byte(k.E >> 8), byte(k.E)}),
			p11.NewAttribute(p11.CKA_PRIVATE_EXPONENT, k.D.Bytes()),
			p11.NewAttribute(p11.CKA_PRIME_1, k.Primes[0].Bytes()), p11.NewAttribute(p11.CKA_PRIME_2, k.Primes[1].Bytes()),
			p11.NewAttribute(p11.CKA_EXPONENT_1, k.Precomputed.Dp.Bytes()), p11.NewAttribute(p11.CKA_EXPONENT_2, k.Precomputed.Dq.Bytes()),
			p11.NewAttribute(p11.CKA_COEFFICIENT, k.Precomputed.Qinv.Bytes()),
		}, nil
	case *ecdsa.PrivateKey:
		params, err := CurveName(k.Curve)
		if err != nil {
			return nil, err
		}
		scalar, err := k.Bytes()
		if err != nil {
			return nil, err
		}
		return []*p11.Attribute{
			p11.NewAttribute(p11.CKA_KEY_TYPE, p11.CKK_EC), p11.NewAttribute(p11.CKA_EC_PARAMS, params), p11.NewAttribute(p11.CKA_VALUE, scalar),
		}, nil
	}
	return nil, fmt.Errorf("keys of type %T are not known", key)
}

// curves are the names of RFC 5480, 2.1.1.1.
var curves = map[elliptic.Curve]asn1.ObjectIdentifier{
	elliptic.P224(): {1, 3, 132, 0, 33}, elliptic.P256(): {1, 2, 840, 10045, 3, 1, 7}, elliptic.P384(): {1, 3, 132, 0, 34}, elliptic.P521(): {1, 3, 132, 0, 35},
}

// CurveName is the curve as CKA_EC_PARAMS has it.
func CurveName(c elliptic.Curve) ([]byte, error) { return asn1.Marshal(curves[c]) }

func newKey(curve elliptic.Curve) (crypto.Signer, error) {
	if curve == nil {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(curve, rand.Reader)
}
