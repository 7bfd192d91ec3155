// Package revocation says whether the certificates of a chain are revoked: by revocation
// lists (RFC 5280), which it fetches, verifies and holds, and by OCSP (RFC 6960). A
// [Checker] is an authtoken.Revocation.
//
//	checker, err := revocation.New(revocation.Options{
//		Authorities: append(roots, intermediates...),
//		Store:       store, // revocation.NewFolder, or revocation.NewSQL for several instances
//	})
//	if err != nil {
//		return err
//	}
//	defer checker.Close()
//	verifier, err := authtoken.NewVerifier(authtoken.Config{Revocation: checker, …})
//
// # What is asked
//
// Every certificate of a chain but its root is checked: the card's and its issuers'. First
// come the lists that the certificate names (cRLDistributionPoints), of which one that
// counts is enough; where none does, the OCSP responders that it names. LDAP addresses are
// passed over. Options.Methods has another order, or one of the two alone.
//
// # When a list counts
//
// Its signature is the issuer's, by its key or by another key of the same name that leads
// to the same root; it is in force; it says nothing critical that is not understood; and the
// certificate is one of those that it is for. A list in parts (issuing distribution point)
// counts for the certificates of its part, and a delta (freshestCRL) is added to its
// complete list, which says it all where the delta cannot be had. Refused by name are lists
// of other issuers' certificates (indirect), for some reasons alone, without nextUpdate,
// signed with SHA-1, or older than the one that is held.
//
// A list that is held answers without the network, until its nextUpdate. It is fetched anew
// in the background long before. Past its nextUpdate it says nothing any more of who is not
// revoked, and logins are refused: whoever it says is revoked stays so.
//
// # Fetching
//
// By HTTP, of bounded size, time and redirects; what is dialled must be of the public
// network or allowed by Options.AllowPrivate. Each list is fetched once for all who need it;
// nobody waits longer than Options.Wait, and nobody at all where a list is held. After a
// failure the next try is seconds, then minutes later; until then logins are answered at
// once.
//
// # Errors
//
// Check returns a [*RevokedError] or an [*UnknownError]; [Reasons] has the reasons of all
// that was tried. Errors and log lines name addresses and authorities, never a card, its
// number or its holder.
//
// # Concurrency, and what it never does
//
// All methods may be called concurrently. The package starts goroutines, which end with
// Close. It never accepts a certificate of which nothing is known, unless Options.Soft says
// so; it writes nothing but through Options.Store; and it remembers answers of OCSP, which
// are of single cards, in memory alone.
package revocation
