package sites

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

// A sealed list is a header (magic, version, the key's name, nonce) and the list's
// JSON under XChaCha20-Poly1305, with the header as additional data.
const (
	magic = "CPXS"
	// The version is that of the oldest program that understands the list. A list
	// without domains is as it ever was; one with them is unreadable to a program
	// that would leave them out when it writes, and so forget them without a word.
	versionSites = 1
	versionNever = 2

	keyIDSize  = 8
	headerSize = len(magic) + 1 + keyIDSize + chacha20poly1305.NonceSizeX
	maxSealed  = 512 << 10 // bytes; the longest list is shorter
	block      = 1 << 10   // the list is padded to whole blocks, so that its length reveals less
)

// key seals one list.
type key [chacha20poly1305.KeySize]byte

// keyID names a key without revealing it.
type keyID [keyIDSize]byte

func newKey() (k key) {
	_, _ = rand.Read(k[:]) // never fails
	return k
}

func (k key) id() (id keyID) {
	sum := sha256.Sum256(append([]byte("cpx-bridge sites key\x00"), k[:]...))
	copy(id[:], sum[:])
	return id
}

// Stamp distinguishes lists: each has a key and a nonce of its own. The zero value
// is that of no list.
type Stamp [headerSize]byte

func stampOf(sealed []byte) (s Stamp) {
	copy(s[:], sealed)
	return s
}

// Stamp reads the stamp of the list in the file, for comparison with that of a List.
// This is cheap, and never asks the keyring.
func (s *Store) Stamp() (Stamp, error) {
	f, err := plainfile.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return Stamp{}, nil
	}
	if err != nil {
		return Stamp{}, err
	}
	defer f.Close()
	var stamp Stamp
	if _, err := io.ReadFull(f, stamp[:]); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Stamp{}, err
	}
	return stamp, nil
}

// readSealed returns nil where there is no file.
func readSealed(path string) ([]byte, error) {
	f, err := plainfile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sites: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSealed+1))
	if err != nil {
		return nil, fmt.Errorf("sites: %w", err)
	}
	if content == nil {
		content = []byte{} // an empty file is a damaged list, not a missing one
	}
	return content, nil
}

func keyIDOf(sealed []byte) (id keyID) {
	if len(sealed) >= headerSize {
		copy(id[:], sealed[len(magic)+1:])
	}
	return id
}

// content is the JSON of a list.
type content struct {
	Sites []entry      `json:"sites"`
	Never []neverEntry `json:"never,omitempty"`
}

type entry struct {
	Origin string    `json:"origin"`
	Since  time.Time `json:"since"`
}

type neverEntry struct {
	Domain string    `json:"domain"`
	Since  time.Time `json:"since"`
}

func (c content) version() byte {
	if len(c.Never) > 0 {
		return versionNever
	}
	return versionSites
}

func seal(k key, l List) ([]byte, error) {
	c := content{Sites: []entry{}}
	for _, s := range l.Sites {
		c.Sites = append(c.Sites, entry(s))
	}
	for _, d := range l.Never {
		c.Never = append(c.Never, neverEntry{d.Name, d.Since})
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("sites: %w", err)
	}
	text = append(text, bytes.Repeat([]byte{' '}, block-len(text)%block)...)
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		return nil, fmt.Errorf("sites: %w", err)
	}
	id := k.id()
	header := append(append([]byte(magic), c.version()), id[:]...)
	header = append(header, make([]byte, chacha20poly1305.NonceSizeX)...)
	nonce := header[headerSize-chacha20poly1305.NonceSizeX:]
	_, _ = rand.Read(nonce) // never fails
	return aead.Seal(header, nonce, text, header), nil
}

// open opens a sealed list. Where anything is wrong with it, it returns nothing of it.
func open(k key, sealed []byte) (List, error) {
	switch {
	case len(sealed) < headerSize || len(sealed) > maxSealed || string(sealed[:len(magic)]) != magic:
		return List{}, fmt.Errorf("%w: not a sealed list", ErrDamaged)
	case sealed[len(magic)] < versionSites:
		return List{}, fmt.Errorf("%w: of no version", ErrDamaged)
	case keyIDOf(sealed) != k.id():
		return List{}, ErrOtherKey
	case sealed[len(magic)] > versionNever:
		return List{}, ErrNewer
	}
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		return List{}, fmt.Errorf("sites: %w", err)
	}
	header := sealed[:headerSize]
	text, err := aead.Open(nil, header[headerSize-chacha20poly1305.NonceSizeX:], sealed[headerSize:], header)
	if err != nil {
		return List{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return parse(text)
}

// parse checks a list too: it is authentic, but a faulty program may have written it.
func parse(text []byte) (List, error) {
	var c content
	if err := json.Unmarshal(text, &c); err != nil {
		return List{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if len(c.Sites) > Max || len(c.Never) > Max {
		return List{}, fmt.Errorf("%w: %d sites, %d domains", ErrDamaged, len(c.Sites), len(c.Never))
	}
	seen := map[string]bool{} // no origin is a domain
	l := List{Sites: make([]Site, 0, len(c.Sites))}
	for _, e := range c.Sites {
		if check(e.Origin) != nil || seen[e.Origin] {
			return List{}, fmt.Errorf("%w: the origin %q", ErrDamaged, e.Origin)
		}
		seen[e.Origin] = true
		l.Sites = append(l.Sites, Site(e))
	}
	for _, e := range c.Never {
		if !isHost(e.Domain) || seen[e.Domain] {
			return List{}, fmt.Errorf("%w: the domain %q", ErrDamaged, e.Domain)
		}
		seen[e.Domain] = true
		l.Never = append(l.Never, Domain{e.Domain, e.Since})
	}
	return l, nil
}
