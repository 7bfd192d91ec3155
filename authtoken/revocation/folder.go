package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
)

// Folder is a Store in a folder, which several processes of one machine may share. Each
// list is a file in PEM, which `openssl crl -in` reads, after lines that say where it comes
// from.
type Folder struct{ dir string }

// NewFolder makes the folder where there is none, for its owner alone.
func NewFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("revocation: the folder of lists: %w", err)
	}
	return &Folder{dir}, nil
}

func (f *Folder) path(address string) string {
	sum := sha256.Sum256([]byte(address))
	return filepath.Join(f.dir, hex.EncodeToString(sum[:8])+".crl")
}

// The lines before a list, in this order.
const (
	lineAddress  = "Address: "
	lineSum      = "SHA-256: "
	lineUpdate   = "This-Update: "
	lineFetched  = "Fetched: "
	lineETag     = "ETag: "
	lineModified = "Last-Modified: "
)

// Load reads the list's file.
func (f *Folder) Load(_ context.Context, address, known string) (Stored, error) {
	text, err := atomicfile.Read(f.path(address))
	if errors.Is(err, fs.ErrNotExist) {
		return Stored{}, nil
	}
	if err != nil {
		return Stored{}, &Error{ReasonStore, address, err}
	}
	s, err := parseStored(text, address, known)
	if err != nil {
		return Stored{}, &Error{ReasonStore, address, fmt.Errorf("%s: %w", f.path(address), err)}
	}
	return s, nil
}

func parseStored(text []byte, address, known string) (Stored, error) {
	var s Stored
	head, _, found := bytes.Cut(text, []byte("-----BEGIN"))
	if !found {
		return s, errors.New("there is no list in it")
	}
	named := ""
	for line := range strings.Lines(string(head)) {
		line = strings.TrimRight(line, "\r\n")
		var err error
		for prefix, set := range map[string]func(string) error{
			lineAddress:  func(v string) error { named = v; return nil },
			lineSum:      func(v string) error { s.Sum = v; return nil },
			lineUpdate:   func(v string) error { s.ThisUpdate, err = time.Parse(time.RFC3339, v); return err },
			lineFetched:  func(v string) error { s.Fetched, err = time.Parse(time.RFC3339Nano, v); return err },
			lineETag:     func(v string) error { s.ETag = v; return nil },
			lineModified: func(v string) error { s.Modified = v; return nil },
		} {
			if value, ok := strings.CutPrefix(line, prefix); ok {
				if err := set(value); err != nil {
					return Stored{}, err
				}
			}
		}
	}
	if named != address || s.Sum == "" {
		return Stored{}, errors.New("it is of another address, or does not say of which")
	}
	if s.Sum == known {
		return s, nil
	}
	block, _ := pem.Decode(text[len(head):])
	if block == nil {
		return Stored{}, errors.New("its list cannot be read")
	}
	s.Body = block.Bytes
	return s, nil
}

// Save replaces the list's file in one step. Of two processes that save at once, the last
// one wins, which costs the next start a fetch: what is held is never replaced by an older
// list.
func (f *Folder) Save(ctx context.Context, address string, s Stored) error {
	there, err := f.Load(ctx, address, "")
	if err == nil && there.ThisUpdate.After(s.ThisUpdate) {
		return nil
	}
	if s.Body == nil {
		if err != nil || there.Sum != s.Sum {
			return nil
		}
		s.Body = there.Body
	}
	if strings.ContainsAny(address+s.Sum+s.ETag+s.Modified, "\r\n") {
		return &Error{ReasonStore, address, errors.New("a line end in what the server said")}
	}
	var text bytes.Buffer
	for _, line := range [][2]string{
		{lineAddress, address}, {lineSum, s.Sum}, {lineUpdate, s.ThisUpdate.UTC().Format(time.RFC3339)},
		{lineFetched, s.Fetched.UTC().Format(time.RFC3339Nano)}, {lineETag, s.ETag}, {lineModified, s.Modified},
	} {
		if line[1] != "" {
			text.WriteString(line[0] + line[1] + "\n")
		}
	}
	if err := pem.Encode(&text, &pem.Block{Type: "X509 CRL", Bytes: s.Body}); err != nil {
		return &Error{ReasonStore, address, err}
	}
	if err := atomicfile.Write(f.path(address), text.Bytes(), atomicfile.Options{}); err != nil {
		return &Error{ReasonStore, address, err}
	}
	return nil
}
