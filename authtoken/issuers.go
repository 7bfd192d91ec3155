package authtoken

import (
	"bytes"
	"crypto/x509"
	"slices"
	"sync/atomic"
	"time"
)

// issuers are a group's certificates by subject, each with the chain above it that a
// verification found. It is the cache of chains, by issuer, and changes no outcome: it
// answers only where crypto/x509 would find the same chain, and no other, for every card
// of that issuer. So an issuer is remembered only where
//
//   - each name in its chain stands for one certificate by key in the whole group, so
//     that no other chain is there, nor can be at another time;
//   - no certificate in the chain constrains names or requires policies, because those
//     depend on the card.
//
// All else that a chain may be refused for depends on the issuers and their number, which
// are the same, or on the time: a chain counts only while all of it is valid. Whatever is
// not answered here is verified as a whole, refusals too.
//
// It holds one entry for each certificate of the group, whatever tokens say, and may be
// used concurrently: a verification replaces an entry by an equal one.
type issuers map[string][]*issuer

type issuer struct {
	cert  *x509.Certificate
	above atomic.Pointer[above]
}

// above is an issuer with all above it, root last, and when all of it is valid.
type above struct {
	chain    []*x509.Certificate
	from, to time.Time
}

// mostOfOneName bounds the candidates that crypto/x509 tries, which gives up after 100.
const mostOfOneName = 8

func newIssuers(g TrustGroup) issuers {
	all := issuers{}
	for _, list := range [][]*x509.Certificate{g.Roots, g.Intermediates} {
		pool := map[string]bool{} // a pool has a certificate once
		for _, cert := range list {
			if !pool[string(cert.Raw)] {
				pool[string(cert.Raw)] = true
				all[string(cert.RawSubject)] = append(all[string(cert.RawSubject)], &issuer{cert: cert})
			}
		}
	}
	return all
}

// one reports whether a name stands for one certificate by key.
func (all issuers) one(name []byte) bool {
	list := all[string(name)]
	keys := map[string]bool{}
	for _, i := range list {
		keys[string(i.cert.RawSubjectPublicKeyInfo)] = true
	}
	return len(list) <= mostOfOneName && len(keys) == len(list)
}

// chain returns the card's chain, where the part above the card was verified before and
// is valid at the time.
func (all issuers) chain(card *x509.Certificate, at time.Time) []*x509.Certificate {
	if all.special(card) || at.IsZero() { // crypto/x509 has a meaning for the zero time
		return nil
	}
	for _, i := range all[string(card.RawIssuer)] {
		above := i.above.Load()
		if above == nil || at.Before(above.from) || at.After(above.to) || otherKey(card, i.cert) {
			continue
		}
		if card.CheckSignatureFrom(i.cert) == nil {
			return append([]*x509.Certificate{card}, above.chain...)
		}
	}
	return nil
}

// special reports whether what crypto/x509 finds for the card depends on more than its
// issuer.
func (all issuers) special(card *x509.Certificate) bool {
	return len(card.UnhandledCriticalExtensions) > 0 || requiresPolicies(card) || len(all[string(card.RawSubject)]) > 0
}

// otherKey reports whether the card names another key of its issuer (RFC 5280,
// 4.2.1.1). Its signature decides in the end.
func otherKey(card, issuer *x509.Certificate) bool {
	return len(card.AuthorityKeyId) > 0 && len(issuer.SubjectKeyId) > 0 && !bytes.Equal(card.AuthorityKeyId, issuer.SubjectKeyId)
}

func requiresPolicies(c *x509.Certificate) bool {
	return c.RequireExplicitPolicy > 0 || c.RequireExplicitPolicyZero
}

// remember takes note of a card's chain, of which crypto/x509 found no other.
func (all issuers) remember(chain []*x509.Certificate) {
	if len(chain) < 2 || all.special(chain[0]) {
		return
	}
	found := above{chain: chain[1:], from: chain[1].NotBefore, to: chain[1].NotAfter}
	for _, c := range found.chain {
		constrains := slices.ContainsFunc(c.Extensions, isNameConstraints)
		if constrains || requiresPolicies(c) || !all.one(c.RawSubject) {
			return
		}
		if c.NotBefore.After(found.from) {
			found.from = c.NotBefore
		}
		if c.NotAfter.Before(found.to) {
			found.to = c.NotAfter
		}
	}
	for _, i := range all[string(chain[0].RawIssuer)] {
		if i.cert.Equal(chain[1]) {
			i.above.Store(&found)
		}
	}
}
