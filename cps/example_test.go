package cps_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"log"
	"time"

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// certificate issues a demonstration card's certificate.
func certificate(holder demopki.Holder) *x509.Certificate {
	now := time.Now()
	pki, err := demopki.New(now)
	if err != nil {
		log.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	cert, err := pki.Intermediate.Issue(demopki.Leaf{
		Holder: holder, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), PublicKey: key.Public(),
	})
	if err != nil {
		log.Fatal(err)
	}
	return cert
}

// A site reads from the certificate that authtoken verified who has logged in.
func ExampleParse() {
	cert := certificate(demopki.NewHolder("CPS", 1))
	person := cps.Parse(cert, cps.DemoRules()) // for real cards: cps.DefaultRules()
	fmt.Println(person.DisplayName())
	fmt.Println(person.Identifier, person.IdentifierKind, person.RPPSValid)
	fmt.Println(person.Kind, person.Profession, person.Test)
	// Output:
	// CAMILLE TEST-CPS0001
	// 899700070016 RPPS true
	// CPS Pharmacien true
}

// A service card names nobody. It has a pseudonym, and its identifier is a place
// of work's.
func ExamplePerson_Named() {
	cert := certificate(demopki.NewUnnamedHolder(1))
	person := cps.Parse(cert, cps.DemoRules())
	fmt.Println(person.Named(), person.DisplayName())
	fmt.Println(person.Structure, person.IdentifierKind)
	// Output:
	// false EMPLOYETEST00000001
	// ETABLISSEMENT TEST FINESS
}

func ExampleProfessionIn() {
	fmt.Println(cps.ProfessionIn("fr", "Médecin"))
	fmt.Println(cps.ProfessionIn("en", "Médecin"))
	// Output:
	// Médecin
	// Doctor
}
