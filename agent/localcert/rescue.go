package localcert

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

// readToRemove reads the record in order to withdraw trust, which has to go as far
// as possible: of a damaged record it uses the intact pairs, and finds the others by
// the certificates in its text and in certFile. The damaged record is set aside. lost
// is an error where a part of it is lost.
func (s *Store) readToRemove() (r record, lost, err error) {
	r, readErr := s.read()
	if readErr != nil && !errors.Is(readErr, ErrDamaged) {
		return r, nil, readErr
	}
	noted := r.Pairs
	r = record{Version: 1, Pairs: slices.DeleteFunc(slices.Clone(noted), func(k knownPair) bool { _, err := k.cert(); return err != nil })}
	path := filepath.Join(s.dir, recordFile)
	var text []byte
	if readErr != nil {
		if text, err = plainfile.Read(path); err != nil {
			return r, nil, err
		}
	}
	if err := s.rescue(&r, text); err != nil || readErr == nil {
		return r, nil, err
	}
	aside := filepath.Join(s.dir, "localhost-damaged-"+s.now().UTC().Format("20060102T150405.000000000")+".json")
	if len(r.Pairs) == 0 || slices.ContainsFunc(noted, func(k knownPair) bool { return r.pair(k.ID) == nil }) {
		lost = fmt.Errorf("%w: %s", ErrLost, aside)
	}
	return r, lost, errors.Join(atomicfile.Write(aside, text, atomicfile.Options{}), s.write(r))
}

// quotedDER matches a certificate in a record's text: a long ASN.1 sequence in base64.
var quotedDER = lazyregexp.New(`"(MI[0-9A-Za-z+/]+=*)"`)

// rescue adds to the record the pairs that are not in it and whose certificate is
// found. It asks every store whether it trusts them.
func (s *Store) rescue(r *record, text []byte) error {
	var found [][]byte
	for _, m := range quotedDER.FindAllSubmatch(text, -1) {
		if der, err := base64.StdEncoding.DecodeString(string(m[1])); err == nil {
			found = append(found, der)
		}
	}
	chain, err := plainfile.Read(s.File())
	if gone(err) != nil {
		return err
	}
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		found = append(found, block.Bytes)
	}
	for _, der := range found {
		k := knownPair{ID: pair{ca: der}.id(), CA: der}
		ca, err := k.cert()
		if err != nil || !ca.IsCA || ca.Subject.CommonName != name || r.pair(k.ID) != nil {
			continue
		}
		if k.Stores, err = s.storesWith(ca); err != nil {
			return err
		}
		k.End = ca.NotAfter
		r.Pairs = append(r.Pairs, k)
	}
	return nil
}

// storesWith are the stores that hold the certificate, or fail to say so.
func (s *Store) storesWith(ca *x509.Certificate) ([]string, error) {
	stores, err := s.trust.Stores()
	if err != nil && !errors.Is(err, ErrNoStore) {
		return nil, err
	}
	return slices.DeleteFunc(stores, func(store string) bool {
		present, err := s.trust.Has(store, ca)
		return err == nil && !present
	}), nil
}
