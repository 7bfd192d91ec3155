package settings

import (
	"net"

	"github.com/cpx-bridge/cpx-bridge/portal/network"
)

// readOperation checks what an instance needs among others, and resolves its paths.
func (s *Settings) readOperation() error {
	if _, err := network.Parse(s.Proxies); err != nil {
		return s.Err("proxies", err.Error()+": an address, or a network such as 10.0.0.0/8")
	}
	if s.Metrics != "" {
		if _, _, err := net.SplitHostPort(s.Metrics); err != nil {
			return s.Err("metrics", err.Error())
		}
	}
	if s.Audit.File != "-" {
		s.resolve(&s.Audit.File)
	}
	return nil
}

// TrustedProxies are the networks of the setting proxies.
func (s *Settings) TrustedProxies() network.Proxies {
	p, _ := network.Parse(s.Proxies) // checked with the settings
	return p
}
