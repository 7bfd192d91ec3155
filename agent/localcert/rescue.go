package localcert

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
)

// readToRemove is read for taking trust back, which has to go as far as it can:
// of a damaged record it takes the pairs that are whole, and finds the others by
// the certificates in its text and in certFile. The damaged one is kept aside.
// lost tells that something of it is not known any more.
func (s *Store) readToRemove() (r record, lost, err error) {
	r, readErr := s.read()
	if readErr != nil && !errors.Is(readErr, ErrDamaged) {
		return r, nil, readErr
	}
	noted := r.Pairs
	r = record{Version: 1, Pairs: slices.DeleteFunc(slices.Clone(noted), func(k known) bool { _, err := k.cert(); return err != nil })}
	path := filepath.Join(s.dir, recordFile)
	var text []byte
	if readErr != nil {
		if text, err = os.ReadFile(path); err != nil {
			return r, nil, err
		}
	}
	if err := s.rescue(&r, text); err != nil || readErr == nil {
		return r, nil, err
	}
	aside := filepath.Join(s.dir, "localhost-damaged-"+s.now().UTC().Format("20060102T150405.000000000")+".json")
	if len(r.Pairs) == 0 || slices.ContainsFunc(noted, func(k known) bool { return r.pair(k.ID) == nil }) {
		lost = fmt.Errorf("%w: %s", ErrLost, aside)
	}
	return r, lost, errors.Join(atomicfile.Write(aside, text, atomicfile.Options{}), s.write(r))
}

// quotedDER is a certificate in a record's text: its first byte is a sequence's.
var quotedDER = regexp.MustCompile(`"(MI[0-9A-Za-z+/]+=*)"`)

// rescue adds the pairs whose certificate is found and that the record does not
// know. Where they are trusted is asked of every store.
func (s *Store) rescue(r *record, text []byte) error {
	var found [][]byte
	for _, m := range quotedDER.FindAllSubmatch(text, -1) {
		if der, err := base64.StdEncoding.DecodeString(string(m[1])); err == nil {
			found = append(found, der)
		}
	}
	chain, err := os.ReadFile(s.File())
	if gone(err) != nil {
		return err
	}
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		found = append(found, block.Bytes)
	}
	for _, der := range found {
		k := known{ID: pair{ca: der}.id(), CA: der}
		ca, err := k.cert()
		if err != nil || !ca.IsCA || ca.Subject.CommonName != name || r.pair(k.ID) != nil {
			continue
		}
		if k.Stores, err = s.having(ca); err != nil {
			return err
		}
		k.End = ca.NotAfter
		r.Pairs = append(r.Pairs, k)
	}
	return nil
}

// having are the stores that trust the certificate, or cannot tell.
func (s *Store) having(ca *x509.Certificate) ([]string, error) {
	stores, err := s.trust.Stores()
	if err != nil && !errors.Is(err, ErrNoStore) {
		return nil, err
	}
	return slices.DeleteFunc(stores, func(store string) bool {
		there, err := s.trust.Has(store, ca)
		return err == nil && !there
	}), nil
}
