//go:build !linux && !darwin && !windows

package localcert

import "crypto/x509"

// systemTrust has no store on this system.
type systemTrust struct{}

func (systemTrust) Stores() ([]string, error)                   { return nil, ErrNoStore }
func (systemTrust) Add(string, *x509.Certificate) error         { return ErrNoStore }
func (systemTrust) Remove(string, *x509.Certificate) error      { return ErrNoStore }
func (systemTrust) Has(string, *x509.Certificate) (bool, error) { return false, ErrNoStore }
