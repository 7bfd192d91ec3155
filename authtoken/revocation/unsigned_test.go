package revocation

import (
	"crypto/x509"
	"runtime"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// forged is a list in the issuer's name that nobody signed, with so many extensions in the
// one place and attributes in the name.
func forged(issuer []byte, ofEntry, ofList, ofName int) []byte {
	sequence := func(b *cryptobyte.Builder, f cryptobyte.BuilderContinuation) { b.AddASN1(tags.SEQUENCE, f) }
	algorithm := func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier([]int{1, 2, 840, 113549, 1, 1, 11}) // sha256WithRSAEncryption
			b.AddASN1NULL()
		})
	}
	many := func(n int, one ...byte) cryptobyte.BuilderContinuation {
		return func(b *cryptobyte.Builder) {
			for range n {
				b.AddBytes(one)
			}
		}
	}
	extension := []byte{0x30, 5, 6, 1, 42, 4, 0}
	var b cryptobyte.Builder
	sequence(&b, func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1)
			algorithm(b)
			if ofName > 0 {
				sequence(b, many(ofName, 0x31, 9, 0x30, 7, 6, 3, 0x55, 4, 3, 12, 0))
			} else {
				b.AddBytes(issuer)
			}
			b.AddASN1UTCTime(time.Now().UTC())
			b.AddASN1UTCTime(time.Now().Add(time.Hour).UTC())
			sequence(b, func(b *cryptobyte.Builder) {
				sequence(b, func(b *cryptobyte.Builder) {
					b.AddASN1Int64(5)
					b.AddASN1UTCTime(time.Now().UTC())
					sequence(b, many(ofEntry, extension...))
				})
			})
			b.AddASN1(tags.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
				sequence(b, many(ofList, extension...))
			})
		})
		algorithm(b)
		b.AddASN1BitString(make([]byte, 256))
	})
	return b.BytesOrPanic()
}

// What anybody on the way can send in place of a list, which comes by plain http, is refused
// before it is read, whatever stands in it: reading takes fifty times its size.
func TestUnsignedListsAreNotRead(t *testing.T) {
	w := newWorld(t)
	issuer := w.pki.Intermediate.Cert
	for where, der := range map[string][]byte{
		"an entry": forged(issuer.RawSubject, 300_000, 0, 0),
		"the list": forged(issuer.RawSubject, 0, 300_000, 0),
		"the name": forged(issuer.RawSubject, 0, 0, 200_000),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readList(der, false, []*x509.Certificate{issuer}, listBounds{DefaultMaxListBytes, DefaultMaxEntries})
		runtime.ReadMemStats(&after)
		if !reasonIs(err, ReasonBadSignature) && !reasonIs(err, ReasonTooLarge) {
			t.Errorf("%s: %v", where, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > uint64(len(der)) {
			t.Errorf("%s: %d bytes for a list of %d", where, took, len(der))
		}
	}
}
