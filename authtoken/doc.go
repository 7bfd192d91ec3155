// Package authtoken makes and verifies the Web eID authentication token,
// version 1.0: a certificate and a signature over a site's origin and a nonce of
// the site's. Whoever shows such a token holds the card that the certificate is
// on, and knew its PIN.
//
// # Verifying, on the site
//
// A site makes one [Verifier] when it starts, from a [Config] that says which
// origin it is and whose cards it takes. For each login it makes a nonce with
// [NewNonce], keeps that in the session, takes it out again when the login comes,
// whatever becomes of it, and calls [Verifier.Verify] with the token as it
// travelled. The [Result] has the certificate; package cps reads who that names.
//
// A nonce is good for one login, in the session that it was made for, and for a
// few minutes. That is the site's to see to: the package keeps no nonces.
//
// A Config cannot be left half made. Without a [Revocation] there is no Verifier,
// and [RevocationOff] is taken for test cards only.
//
// # Making, on the workstation
//
// The agent signs what [Message] gives, and puts the token together with [New].
// Sites need neither.
//
// # Errors
//
// What is refused is refused with an [*Error], whose [Reason] says why. Reasons
// may be compared, logged, and sent to a page; the text of an error is for logs,
// and may repeat what the refused token said of itself. The checks go from the
// cheap to the costly, in the order of the Web eID validation algorithm, and the
// signature comes last: a reason says nothing of what was not reached.
//
// # Concurrency
//
// All functions, and the methods of a Verifier, may be called concurrently. A
// Revocation must bear that too. The package opens no connection and no file, and
// starts no goroutine.
//
// # Compatibility
//
// The token is the one of Web eID: libraries for Java, .NET and PHP take it too,
// and a later version of this package takes what an earlier one made. A Reason
// keeps its value and its meaning; a later version may know more of them. The
// module follows semantic versioning: before v1.0.0 a minor version may change
// the functions and types.
package authtoken
