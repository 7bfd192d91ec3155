package stack

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// makePortal writes the portal's settings and makes the one account. The account
// persists from run to run, and so do the cards attached to it.
func (s *Stack) makePortal(ctx context.Context) error {
	var b strings.Builder
	fmt.Fprintf(&b, "name = %q\n", "Portail de démonstration")
	fmt.Fprintf(&b, "origin = %q\n", s.Origin)
	fmt.Fprintf(&b, "listen = %q\n", s.portalAddress())
	fmt.Fprintf(&b, "database = %q\n", s.Path("portal.db"))
	if s.host != "" && s.Inner == "" {
		fmt.Fprintf(&b, "tls_cert = %q\ntls_key = %q\n", s.Path("portal.pem"), s.Path("portal.key"))
	}
	b.WriteString("revocation = \"off\" # taken for test groups only\n")
	fmt.Fprintf(&b, "\n[card_login]\nports_first = %d\nports_count = %d\ninstall_url = \"/assistance#agent\"\n", s.agentPorts, s.agentPortCount)
	fmt.Fprintf(&b, "\n[[trust_group]]\nname = \"test\"\ntest = true\nroots = [%q]\nintermediates = [%q]\n",
		s.Path("card/ca/root.pem"), s.Path("card/ca/intermediate.pem"))
	fmt.Fprintf(&b, "required_policies = [%q]\n", demopki.PolicyAuthentication)
	fmt.Fprintf(&b, "refused_policies = [%q]\n", demopki.PolicyTechnical)
	b.WriteString("\n[kinds]\n")
	for kind, policy := range demopki.KindPolicies() {
		fmt.Fprintf(&b, "%q = %q\n", policy, kind)
	}
	if err := os.WriteFile(s.Path("portal.toml"), []byte(b.String()), 0o600); err != nil {
		return err
	}
	if _, err := os.Stat(s.Path("account")); err == nil {
		return nil
	}
	// A first start that was interrupted may have made the account, and nobody has used it.
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.RemoveAll(s.Path("portal.db") + end); err != nil {
			return err
		}
	}
	if err := s.AddAccount(ctx, Username, Display); err != nil {
		return err
	}
	return os.WriteFile(s.Path("account"), []byte(Username+"\n"), 0o600)
}

// AddAccount makes an account at the portal, with Password.
func (s *Stack) AddAccount(ctx context.Context, username, display string) error {
	_, err := s.run(ctx, Password+"\n", "cpx-portal", "user", "add", "--config", s.Path("portal.toml"),
		"--name", username, "--display", display, "--service", Service, "--region", Region)
	return err
}
