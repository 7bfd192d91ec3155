package revocation

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// list is what is kept of a list that was read and whose signature is good.
type list struct {
	address    string
	sum        string
	signer     *x509.Certificate // whose key it is signed with
	rawIssuer  []byte
	number     *big.Int // nil where none is stated
	base       *big.Int // of a delta: the number that it adds to; nil in a complete list
	thisUpdate time.Time
	nextUpdate time.Time
	scope      scope
	freshest   []string // addresses of its deltas
	entries    serials
}

// listBounds are what a list must not exceed.
type listBounds struct {
	bytes   int64
	entries int
}

// readList reads a list of which the signer is one of the candidates, as it came: DER or
// PEM. delta says which of the two kinds is wanted. What is kept refers to nothing of body.
func readList(body []byte, delta bool, candidates []*x509.Certificate, bounds listBounds) (*list, error) {
	if int64(len(body)) > bounds.bytes {
		return nil, refuse(ReasonTooLarge, "%d bytes, at most %d", len(body), bounds.bytes)
	}
	der, err := derOf(body)
	if err != nil {
		return nil, err
	}
	o, ok := outlineOf(der)
	switch {
	case !ok:
		return nil, refuse(ReasonNotAList, "its parts are not those of a list")
	case o.headSize() > maxHead:
		return nil, refuse(ReasonTooLarge, "%d bytes beside its entries, at most %d", o.headSize(), maxHead)
	case countEntries(o.entries, bounds.entries) > bounds.entries:
		return nil, refuse(ReasonTooManyEntries, "more than %d entries", bounds.entries)
	}
	signer, err := o.signer(candidates)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, refuse(ReasonNotAList, "%w", err)
	}
	if len(parsed.Raw) != len(der) {
		return nil, refuse(ReasonNotAList, "%d bytes after the list", len(der)-len(parsed.Raw))
	}
	if !bytes.Equal(parsed.RawTBSRevocationList, o.signed) || !bytes.Equal(parsed.RawIssuer, signer.RawSubject) {
		return nil, refuse(ReasonNotAList, "its parts are not those of a list")
	}
	sum := sha256.Sum256(der)
	l := &list{
		sum: hex.EncodeToString(sum[:]), signer: signer, rawIssuer: bytes.Clone(parsed.RawIssuer),
		number: parsed.Number, thisUpdate: parsed.ThisUpdate, nextUpdate: parsed.NextUpdate,
	}
	if l.nextUpdate.IsZero() {
		return nil, refuse(ReasonNoNextUpdate, "it does not say until when it holds")
	}
	if l.nextUpdate.Before(l.thisUpdate) {
		return nil, refuse(ReasonNotAList, "nextUpdate is before thisUpdate")
	}
	if err := l.readExtensions(parsed, delta); err != nil {
		return nil, err
	}
	if err := checkEntries(parsed.RevokedCertificateEntries); err != nil {
		return nil, err
	}
	l.entries = newSerials(parsed.RevokedCertificateEntries)
	return l, nil
}

// derOf is the list in DER, of which PEM is another form (RFC 7468, 9).
func derOf(body []byte) ([]byte, error) {
	if len(body) > 0 && body[0] == 0x30 {
		return body, nil
	}
	if block, rest := pem.Decode(body); block != nil {
		if block.Type != "X509 CRL" || len(bytes.TrimSpace(rest)) > 0 {
			return nil, refuse(ReasonNotAList, "PEM of %q, or more than one block", block.Type)
		}
		return block.Bytes, nil
	}
	if len(body) == 0 {
		return nil, refuse(ReasonNotAList, "nothing came")
	}
	what := http.DetectContentType(body[:min(len(body), 512)])
	if strings.HasPrefix(what, "text/html") {
		return nil, refuse(ReasonNotAList, "a page of HTML came: a proxy's, or of a network that wants a login first")
	}
	return nil, refuse(ReasonNotAList, "%s came", what)
}

// maxHead is how much a list may have beside its entries, in bytes: its issuer's name, its
// extensions and its signature.
const maxHead = 64 << 10

// outline is a list by its parts (RFC 5280, 5.1), of which none was read yet. Lists mostly
// come by plain http: what anybody on the way can send must cost no more than its size, and
// x509.ParseRevocationList takes up to fifty times as much.
type outline struct {
	signed    cryptobyte.String // tbsCertList
	head      cryptobyte.String // what stands in it before the entries
	entries   cryptobyte.String // the content of revokedCertificates
	after     cryptobyte.String
	signature cryptobyte.String // the algorithm and the signature
}

func outlineOf(der []byte) (o outline, ok bool) {
	whole := cryptobyte.String(der)
	var signed cryptobyte.String
	if !whole.ReadASN1(&o.signature, tags.SEQUENCE) || !o.signature.ReadASN1Element(&o.signed, tags.SEQUENCE) {
		return o, false
	}
	inner := o.signed
	inner.ReadASN1(&signed, tags.SEQUENCE)
	all := signed
	if !signed.SkipASN1(tags.INTEGER) || !signed.SkipASN1(tags.SEQUENCE) || !signed.SkipASN1(tags.SEQUENCE) {
		return o, false
	}
	for signed.PeekASN1Tag(tags.UTCTime) || signed.PeekASN1Tag(tags.GeneralizedTime) {
		if !signed.ReadAnyASN1(new(cryptobyte.String), nil) {
			return o, false
		}
	}
	o.head = all[:len(all)-len(signed)]
	if signed.PeekASN1Tag(tags.SEQUENCE) && !signed.ReadASN1(&o.entries, tags.SEQUENCE) {
		return o, false
	}
	o.after = signed
	return o, true
}

func (o outline) headSize() int { return len(o.head) + len(o.after) + len(o.signature) }

// signer finds whose key the list is signed with, by the list without its entries.
func (o outline) signer(candidates []*x509.Certificate) (*x509.Certificate, error) {
	var b cryptobyte.Builder
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(o.head)
			b.AddBytes(o.after)
		})
		b.AddBytes(o.signature)
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, refuse(ReasonNotAList, "%w", err)
	}
	head, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, refuse(ReasonNotAList, "%w", err)
	}
	head.RawTBSRevocationList = o.signed // what the signature is of
	return signerOf(head, candidates)
}

// countEntries counts a list's entries up to one more than most, without reading them:
// a list of too many would need memory for all of them first.
func countEntries(entries cryptobyte.String, most int) int {
	n := 0
	for n <= most && !entries.Empty() {
		if !entries.SkipASN1(tags.SEQUENCE) {
			break
		}
		n++
	}
	return n
}

// signerOf finds whose key the list is signed with: first the one that it names itself.
func signerOf(parsed *x509.RevocationList, candidates []*x509.Certificate) (*x509.Certificate, error) {
	switch parsed.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.MD5WithRSA, x509.MD2WithRSA, x509.DSAWithSHA1:
		return nil, refuse(ReasonWeakSignature, "signed with %s", parsed.SignatureAlgorithm)
	}
	named := slices.DeleteFunc(slices.Clone(candidates), func(c *x509.Certificate) bool { return !bytes.Equal(c.RawSubject, parsed.RawIssuer) })
	if len(named) == 0 {
		return nil, refuse(ReasonWrongIssuer, "the list is of %s", parsed.Issuer)
	}
	var refusal error
	known := len(parsed.AuthorityKeyId) == 0
	for _, c := range named {
		known = known || len(c.SubjectKeyId) == 0 || bytes.Equal(c.SubjectKeyId, parsed.AuthorityKeyId)
		err := checkSigner(c, parsed)
		if err == nil {
			return c, nil
		}
		if refusal == nil {
			refusal = err
		}
	}
	var weak *Error
	switch {
	case errors.As(refusal, &weak):
		return nil, weak
	case !known:
		return nil, refuse(ReasonUnknownSigner, "signed with another key of %s than the ones that are known: its new certificate belongs among the authorities", parsed.Issuer)
	}
	return nil, refuse(ReasonBadSignature, "%w", refusal)
}

func checkSigner(signer *x509.Certificate, parsed *x509.RevocationList) error {
	if err := checkKey(signer); err != nil {
		return err
	}
	return parsed.CheckSignatureFrom(signer)
}

const minRSABits = 2048

func checkKey(signer *x509.Certificate) error {
	if key, ok := signer.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSABits {
		return refuse(ReasonWeakSignature, "RSA key of %d bits, at least %d", key.N.BitLen(), minRSABits)
	}
	return nil
}

var (
	oidReasonCode        = asn1.ObjectIdentifier{2, 5, 29, 21}
	oidInvalidityDate    = asn1.ObjectIdentifier{2, 5, 29, 24}
	oidCertificateIssuer = asn1.ObjectIdentifier{2, 5, 29, 29}
)

// checkEntries refuses a list whose entries are of other issuers, or say what is not
// understood and must be (RFC 5280, 5.3).
func checkEntries(entries []x509.RevocationListEntry) error {
	for i := range entries {
		for _, e := range entries[i].Extensions {
			switch {
			case e.Id.Equal(oidCertificateIssuer):
				return refuse(ReasonIndirect, "an entry of another issuer")
			case e.Critical && !e.Id.Equal(oidReasonCode) && !e.Id.Equal(oidInvalidityDate):
				return refuse(ReasonCriticalExtension, "an entry has %s", e.Id)
			}
		}
	}
	return nil
}

// validAt says whether the list holds at that time.
func (l *list) validAt(at time.Time, skew time.Duration) error {
	switch {
	case at.Add(skew).Before(l.thisUpdate):
		return refuse(ReasonNotYetValid, "it holds from %s on: compare the clocks", l.thisUpdate.UTC().Format(time.RFC3339))
	case at.After(l.nextUpdate):
		return refuse(ReasonExpired, "it held until %s", l.nextUpdate.UTC().Format(time.RFC3339))
	}
	return nil
}

// after refuses a list that is older than the one that is held. Numbers are compared
// between lists of one key: a new key may begin anew.
func (l *list) after(held *list) error {
	sameKey := bytes.Equal(l.signer.RawSubjectPublicKeyInfo, held.signer.RawSubjectPublicKeyInfo)
	switch {
	case l.thisUpdate.Before(held.thisUpdate):
		return refuse(ReasonRollback, "it is of %s, and the one that is held of %s", l.thisUpdate.UTC().Format(time.RFC3339), held.thisUpdate.UTC().Format(time.RFC3339))
	case sameKey && l.number != nil && held.number != nil && l.number.Cmp(held.number) < 0:
		return refuse(ReasonRollback, "its number is %s, and that of the one that is held %s", l.number, held.number)
	case sameKey && l.number == nil && held.number != nil:
		return refuse(ReasonRollback, "it has no number, and the one that is held has %s", held.number)
	}
	return nil
}
