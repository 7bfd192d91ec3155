package sites

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
)

// accountOf is an account of its own for each state folder, so that a demonstration
// never touches the person's real list.
func accountOf(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	sum := sha256.Sum256([]byte(filepath.Clean(dir)))
	return "sites-" + hex.EncodeToString(sum[:8])
}

func (s *Store) ring() keyring.Ring { return keyring.Ring{Unlock: s.unlock, Limit: s.limit} }

// key reads the key. The error is keyring.ErrNotFound where there is none.
func (s *Store) key(ctx context.Context) (key, error) {
	secret, err := s.ring().Get(ctx, s.account)
	if err != nil {
		return key{}, err
	}
	raw, err := base64.StdEncoding.DecodeString(secret)
	if err != nil || len(raw) != len(key{}) {
		return key{}, keyring.ErrNotFound // not one of ours
	}
	return key(raw), nil
}

func (s *Store) setKey(ctx context.Context, k key) error {
	return s.ring().Set(ctx, s.account, base64.StdEncoding.EncodeToString(k[:]))
}
