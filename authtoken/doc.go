// Package authtoken makes and verifies the Web eID authentication token,
// version 1.0: a certificate and a signature over a site's origin and the site's
// nonce. Whoever presents such a token holds the certificate's card and knows its
// PIN.
//
// # Verifying, on the site
//
// A site makes one [Verifier] when it starts, from a [Config] that says which
// origin it has and whose cards it accepts. For each login it makes a nonce with
// [NewNonce] and stores it in the session. When the login comes, the site deletes
// the nonce from the session, whatever the outcome, and calls [Verifier.Verify]
// with the token as it was received. The [Result] has the certificate; package cps
// reads whom it names.
//
// A nonce must be valid for one login only, in the session it was made for, and
// for a few minutes. The site sees to that: this package stores no nonces. Package
// challenge does it for a site, without a session and without storing anything for
// visitors.
//
// An incomplete Config is refused: without a [Revocation] there is no Verifier,
// and [RevocationOff] is accepted for test cards only.
//
// # Making, on the workstation
//
// The agent signs the result of [Message], and makes the token with [New]. Sites
// need neither.
//
// # Errors
//
// A refusal is an [*Error], whose [Reason] says why. Reasons may be compared,
// logged and sent to a page; the text of an error is for logs, and may repeat what
// the refused token claims. The checks go from the cheap to the costly, in the
// order of the Web eID validation algorithm, and the signature comes last: a
// reason says nothing about the checks after it.
//
// # Concurrency
//
// All functions, and the methods of a Verifier, may be called concurrently; a
// Revocation must allow that too. The package opens no connection and no file, and
// starts no goroutine.
//
// # Compatibility
//
// The token is Web eID's: libraries for Java, .NET and PHP accept it too, and
// later versions of this package accept the tokens of earlier ones. The value and
// the meaning of a Reason never change; later versions may add reasons. The module
// follows semantic versioning: before v1.0.0 a minor version may change the
// functions and types.
package authtoken
