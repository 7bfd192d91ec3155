package pkcs11

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// errOtherKey says that the key which the module took for the certificate's is not.
var errOtherKey = errors.New("pkcs11: the key is not the certificate's")

// staleCache is what a login found of a module that gives of a card what it kept of
// another.
type staleCache struct {
	certificate string
	serial      string
	err         error
}

// otherKey says what it means that the card's key is not that of the certificate. The
// card may have been renewed in its reader since it was read; or the module keeps
// what it read of cards, by serial, and will give it for good. The module is opened
// anew for that, because it may keep it in its memory too. With the lease held, and
// the card logged out.
func (j *job) otherKey(c Certificate, cause error) error {
	p, m := j.pool, j.module
	m.mu.Lock()
	info := m.state.Info
	m.mu.Unlock()
	folder := CacheFolder(m.path, info)
	if errors.Is(cause, ErrNoKey) && folder == "" {
		return cause // nothing was signed, and nobody knows of a cache: the card itself may be so
	}
	failed := func(op string, kind error) error {
		return fmt.Errorf("%w: %s", &Error{Op: op, Path: c.Slot.Module, Kind: kind}, cause.Error()) // in words: its kinds are not this one's
	}
	p.reopen(m)
	r := p.read(m)
	if r.err != nil {
		return errors.Join(failed("another key than the certificate's signed", ErrModuleFailed), r.err)
	}
	if _, err := p.findIn(r, c.ID); err != nil {
		return failed("the card was renewed since it was read", ErrCardChanged)
	}
	op := "the module goes on giving a certificate that is not of the card's key"
	if folder != "" {
		op += ", as it does from its cache: empty " + folder
	}
	found := fmt.Errorf("%w: %w", ErrStaleCache, failed(op, ErrModuleFailed))
	p.log.Error("a module serves a stale cache", "error", found)
	m.setStaleCache(&staleCache{certificate: c.ID, serial: c.Slot.Token.Serial, err: found})
	return found
}

// reopen ends the module's process; the next reading opens it anew. With the lease
// held.
func (p *Pool) reopen(m *module) {
	if m.driver == nil {
		return
	}
	p.lock(m)
	m.setReading(nil)
	_ = m.driver.Close()
	m.driver = nil
}

func (m *module) setStaleCache(s *staleCache) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.staleCache = s
}

func (m *module) foundStaleCache() *staleCache {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.staleCache
}

// cured reports whether the reading shows the card with other certificates.
func (s *staleCache) cured(r *reading) bool {
	there := false
	for _, slot := range r.slots {
		there = there || slot.Token != nil && slot.Token.Serial == s.serial
	}
	for _, c := range r.certificates {
		if c.ID == s.certificate {
			return false
		}
	}
	return there
}

// CacheFolder is where a module keeps what it read of cards, by its path and what it
// says of itself in ModuleState.Info; "" where that is not known.
func CacheFolder(path, info string) string {
	switch name := strings.TrimPrefix(filepath.Base(path), "lib"); {
	case strings.HasPrefix(name, "cps3_pkcs11"), strings.Contains(info, "CPS3 PKCS#11"):
		return vendorCache()
	case strings.Contains(info, "OpenSC"), strings.HasPrefix(name, "opensc"):
		return openSCCache()
	}
	return ""
}

// OwnCache reports that the folder, one of CacheFolder's, is the person's own, which needs
// no administrator.
func OwnCache(folder string) bool { return folder != "" && folder == openSCCache() }
