// Package cardlogin is the portal's side of a login by card, as handlers for net/http:
// the challenge, the login, the session that begins with it, and the logout.
//
// A portal makes one [Handler] when it starts, from a verifier (package authtoken), and
// mounts it where its pages look for it:
//
//	cards, err := cardlogin.New(cardlogin.Options{Verifier: verifier, Rules: rules})
//	mux.Handle("/auth/", cards)
//	mux.Handle("/espace", cards.Require(space))
//	http.ListenAndServe(address, cards.Protect(mux))
//
// Behind [Handler.Require] a page's [Person] is whoever logged in. Which of the people
// with a good card may enter, and what their account is, [Options.Accept] decides.
//
// # What it needs besides
//
// The challenges are in the browsers, in signed cookies, and those who have logged in are
// in memory. A portal of several processes has the keys and the used nonces in its
// database ([challenge.SQL]) and its sessions where its own session library has them
// ([SessionsIn]). Handlers that a framework wraps, or that stand at other paths, are
// [Handler.Challenge], [Handler.Login] and [Handler.Logout].
//
// # What it never does
//
// It stores nothing for whoever only asks for a challenge. It goes on with no session that
// a browser brought to a login: each begins one with an identifier of its own. It logs
// neither name nor identifier of a person, and it does not believe X-Forwarded-Host,
// X-Forwarded-Proto or any other forwarded header: what the portal is called is its
// verifier's origin.
//
// # Concurrency
//
// Everything here may be called concurrently. What Options have must be so too.
package cardlogin
