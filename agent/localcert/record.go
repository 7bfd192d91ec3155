package localcert

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

// The files in the state folder. The certificates are in both: what is trusted has
// to be known even where certFile is gone.
const (
	certFile   = "localhost.pem"
	recordFile = "localhost.json"
	lockFile   = "localhost.lock"
)

// record is every pair whose trust and key are not both withdrawn yet.
type record struct {
	Version int         `json:"version"`
	Current string      `json:"current"` // the id of the pair in use, or ""
	Pairs   []knownPair `json:"pairs"`
}

type knownPair struct {
	ID     string    `json:"id"`
	CA     []byte    `json:"ca"` // DER
	End    time.Time `json:"end"`
	Stores []string  `json:"stores"` // where it is trusted, or may be
}

func (k knownPair) account() string { return "localhost-" + k.ID[:16] }

func (k knownPair) cert() (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(k.CA)
	if err != nil || (pair{ca: k.CA}).id() != k.ID {
		return nil, fmt.Errorf("%w: %s", ErrDamaged, recordFile)
	}
	return c, nil
}

func (s *Store) read() (record, error) {
	r := record{Version: 1}
	text, err := plainfile.Read(filepath.Join(s.dir, recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil || r.Version != 1 {
		return r, fmt.Errorf("%w: %s", ErrDamaged, filepath.Join(s.dir, recordFile))
	}
	for _, k := range r.Pairs {
		if _, err := k.cert(); err != nil {
			return r, err
		}
	}
	return r, nil
}

// write saves the record, or removes it where it is empty.
func (s *Store) write(r record) error {
	path := filepath.Join(s.dir, recordFile)
	if len(r.Pairs) == 0 {
		return gone(os.Remove(path))
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(path, append(text, '\n'), atomicfile.Options{})
}

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (r *record) pair(id string) *knownPair {
	i := slices.IndexFunc(r.Pairs, func(k knownPair) bool { return k.ID == id })
	if i < 0 {
		return nil
	}
	return &r.Pairs[i]
}
