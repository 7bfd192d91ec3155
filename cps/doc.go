// Package cps reads whom the certificate of a CPx card names: a health
// professional, a member of an establishment's staff, or a service card without a
// name.
//
// [Parse] reads a certificate into a [Person]:
//
//	person := cps.Parse(certificate, cps.DefaultRules())
//	account := accounts[person.Identifier]
//
// The key of an account is [Person.Identifier], whole and as written. Names and
// professions change, and a renewed card has another certificate; the identifier
// stays. [Person.IdentifierKind] is the register that it comes from.
//
// # What it does not decide
//
// Whether to trust a certificate is for package authtoken to decide, before: Parse
// reads any certificate. It refuses no identifier for its form. Names are as the
// certificate has them, of any length and with any character: escape them wherever
// they are shown.
//
// Public sources do not say which certificate policy means which kind of card, so
// that is in [Rules] and not in the code. A site that knows fills in Rules of its
// own.
//
// # Errors and concurrency
//
// There are no errors: a field that the certificate does not state, or states in a
// form that cannot be read, is empty. Nothing here panics on a malformed
// certificate, and everything may be called concurrently.
//
// # Compatibility
//
// The module follows semantic versioning: before v1.0.0 a minor version may change
// the functions and types. The values of [IdentifierKind], and what becomes
// Identifier, stay: they may be stored.
package cps
