// Package cps reads who the certificate of a CPx card names: a health
// professional, a member of an establishment's staff, or a service card without a
// name.
//
// [Parse] takes a certificate and gives a [Person]:
//
//	person := cps.Parse(certificate, cps.DefaultRules())
//	account := accounts[person.Identifier]
//
// The key of an account is [Person.Identifier], whole and as it is written. Names
// change, professions change, and a card is renewed with another certificate; the
// identifier stays. [Person.IdentifierKind] is the register that it comes from.
//
// # What it does not decide
//
// Whether a certificate is to be trusted is package authtoken's to say, before:
// Parse reads whatever it is given. It refuses no identifier for its form. Names
// come from the certificate as they are, and may be of any length and hold any
// character: escape them where they are shown.
//
// What public sources leave open, namely which certificate policy means which kind
// of card, is in [Rules] and not in the code. A site that knows more fills in
// Rules of its own.
//
// # Errors and concurrency
//
// There are no errors: what a certificate does not say, or says in a way that
// cannot be read, is left empty. Nothing here panics on a malformed certificate,
// and everything may be called concurrently.
//
// # Compatibility
//
// The module follows semantic versioning: before v1.0.0 a minor version may change
// the functions and types. The values of [IdentifierKind], and what becomes
// Identifier, stay: they may be stored.
package cps
