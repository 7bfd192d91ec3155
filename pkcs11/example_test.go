package pkcs11_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"slices"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// open opens a pool on SoftHSM, whose tokens are demonstration cards. The vendor's
// module is found without being named.
func open(ctx context.Context) *pkcs11.Pool {
	softHSM, err := democard.Module()
	if err != nil {
		log.Fatal(err)
	}
	pool, err := pkcs11.Open(ctx, pkcs11.Options{Modules: []string{softHSM}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	return pool
}

// physician is the authentication certificate of one of the cards.
func physician(ctx context.Context, pool *pkcs11.Pool) pkcs11.Certificate {
	cards, err := pool.List(ctx)
	if err != nil {
		log.Fatal(err)
	}
	i := slices.IndexFunc(cards.Certificates, func(c pkcs11.Certificate) bool {
		return c.Reason == pkcs11.Usable && c.Slot.Token.Label == "CPS3v3-TEST-0001"
	})
	if i < 0 {
		log.Fatal("no such card")
	}
	return cards.Certificates[i]
}

// message is what a login signs.
func message(algorithm pkcs11.Algorithm) ([]byte, error) {
	return authtoken.Message(string(algorithm), "https://portail.example.fr", authtoken.NewNonce())
}

// A signature for a login. The algorithm is the card's to choose, so what is signed
// is made when it is known.
func ExamplePool_Sign() {
	// A program's main begins with pkcs11.RunChildRole().
	ctx := context.Background()
	pool := open(ctx)
	defer pool.Close()
	certificate := physician(ctx, pool)

	var signed []byte
	signature, err := pool.Sign(ctx, pkcs11.Request{
		CertificateID: certificate.ID,
		Message: func(algorithm pkcs11.Algorithm) (_ []byte, err error) {
			signed, err = message(algorithm)
			return signed, err
		},
		PIN: func(_ context.Context, ask pkcs11.PINRequest) ([]byte, error) {
			fmt.Println("The PIN of", ask.Token.Label)
			return []byte(democard.PIN), nil // a dialog's answer
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	hash := signature.Algorithm.Hash()
	digest := hash.New()
	digest.Write(signed)
	key := signature.Certificate.X509.PublicKey.(*rsa.PublicKey)
	fmt.Println(signature.Algorithm, rsa.VerifyPKCS1v15(key, hash, digest.Sum(nil), signature.Value) == nil)
	// Output:
	// The PIN of CPS3v3-TEST-0001
	// RS256 true
}

// A wrong PIN costs one try, and is an error that says what is known of the others.
func ExamplePINError() {
	ctx := context.Background()
	pool := open(ctx)
	defer pool.Close()

	_, err := pool.Sign(ctx, pkcs11.Request{
		CertificateID: physician(ctx, pool).ID,
		Message:       message,
		PIN: func(context.Context, pkcs11.PINRequest) ([]byte, error) {
			return bytes.Repeat([]byte("9"), 4), nil
		},
	})
	if wrong, ok := errors.AsType[*pkcs11.PINError](err); ok && errors.Is(err, pkcs11.ErrPINIncorrect) {
		fmt.Println("wrong, last try:", wrong.FinalTry)
	}
	// Output:
	// wrong, last try: false
}
