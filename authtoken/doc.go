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
// # Errors, and the order of the checks
//
// A refusal is an [*Error], whose [Reason] says why, and whose Err has the type of the
// check that failed, with what it compared. Reasons may be compared, logged and sent to
// a page; the text of an error is for logs, and may repeat what the refused token
// claims. The checks go from the cheap to the costly, as in the Web eID validation
// algorithm, and the signature comes last, so a reason says nothing about the checks
// after it:
//
//  1. the envelope, in [ParseEnvelope]: malformed_request
//  2. the nonce: nonce_length
//  3. the token's length and JSON: malformed_token
//  4. its format: unsupported_format
//  5. the certificate's base64, length and DER: malformed_certificate,
//     unreadable_certificate
//  6. its key usage, then its extended one: wrong_key_usage, wrong_extended_key_usage
//  7. the conditions of the trust groups: wrong_extended_key_usage, refused_policy,
//     missing_policy
//  8. its validity: not_yet_valid, expired
//  9. the chain up to a root, as crypto/x509 verifies it: untrusted_ca,
//     issuer_not_allowed
//  10. whether it is a test card: test_card_refused
//  11. the issuers' keys, policies, constraints and number: issuer_not_allowed
//  12. revocation: revoked, revocation_unknown
//  13. the algorithm: algorithm_refused
//  14. the key: weak_key, or algorithm_refused for one of more than MaxRSABits
//  15. the signature over origin and nonce: bad_signature
//
// Steps 9 to 11 are made for one group after the other. origin_invalid comes from
// [NewVerifier] and [Message] alone.
//
// # Cache
//
// A Verifier remembers issuers that it verified up to a root, for as long as all of
// them are valid, so that a login costs two signatures: the certificate's and the
// token's. This changes no outcome, and Config.VerifyIssuersEachTime ends it.
// Revocation is asked each time.
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
