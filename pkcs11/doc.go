// Package pkcs11 finds CPx cards and signs with them, through the vendor's PKCS#11
// modules.
//
// A program calls [RunChildRole] first in main, opens one [Pool], reads what is in
// the readers with [Pool.Current] or [Pool.List], and signs with [Pool.Sign]:
//
//	func main() {
//		pkcs11.RunChildRole()
//		pool, err := pkcs11.Open(ctx, pkcs11.Options{Logger: logger})
//		…
//	}
//
// # Processes
//
// The Pool is the one owner of every module and session. Each module lives in a
// process of its own, which is this program in another role: what a module does
// there, a crash or a call that never returns included, is an error of one call.
// [Limits] are how long a call may take. The module is opened anew for the next.
//
// # The card is asked once
//
// Whoever watches PC/SC hands each event to [Pool.Observe]; as long as none says
// that something changed, what was read of the cards holds, [Pool.Current] and
// [Pool.Sign] read nothing again, and between a person's PIN and the signature the
// card is asked only what the signature takes. That it is still the card that the
// person was asked about is shown by a session that was opened before, and by the
// reader's count of insertions. Of a pool that observes nothing, and of a slot that is no
// PC/SC reader, the cards are read for each login, before the person is asked; after it the
// session and the token's serial show that it is the same card, and in a card session its
// state alone does.
//
// # PINs
//
// A card is locked for good after a few wrong PINs. Each call of [Pool.Sign] takes
// at most one PIN of its [PINFunc] and costs at most one try; the package never
// sends a PIN twice, never keeps one, and never logs one. It never signs for a
// login with a key that can be used without a PIN. Whether to ask again is the
// caller's to decide, from [ErrPINIncorrect] and the [PINError] that goes with it.
//
// # Errors
//
// Every error of a card or module wraps one of the sentinels ([ErrPINLocked],
// [ErrCardRemoved], [ErrModuleFailed] and so on), for errors.Is. An [*Error] in it
// has the function of PKCS#11 and its return value, for logs.
//
// # Concurrency
//
// All methods may be called concurrently. Calls that touch a module queue up for it
// and give up when their context ends; [Pool.Snapshot], [Pool.Modules] and
// [Pool.HasCardSession] never wait. No lease of a module is held while a person is
// asked for a PIN.
//
// # Compatibility
//
// Modules of PKCS#11 v2.40 are driven; which ones are tried is in docs/testing.md.
// The module follows semantic versioning: before v1.0.0 a minor version may change
// the functions and types.
package pkcs11
