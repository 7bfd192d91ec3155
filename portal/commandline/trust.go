package commandline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/internal/visible"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
	"github.com/cpx-bridge/cpx-bridge/portal/trust"
)

func (i *invocation) trustAddCommand() *cobra.Command {
	a := trust.Addition{}
	var unknown []string
	c := i.command("add --config FILE [OPTIONS] CERTIFICATES…", "make the trust group for real cards from downloaded certificates",
		`Makes the trust group for real cards in the settings file, from the certificates
of the IGC-SANTE's authorities that you downloaded: PEM, DER or PKCS#7 (.p7b),
one or several in a file.

Each is compared with the fingerprints of the nine authorities, which are built
in. What is not among them is refused until you vouch for its fingerprint. Of the
nine, those are taken under which cards of persons are issued, FORT and STANDARD
PERSONNES with their roots; --include takes another.

The files are copied into the folder trust beside the settings file, which keeps
its comments and all other settings. Revocation is checked from then on. The
settings as they were stay beside the file.`,
		func(_ context.Context, args []string) error { return i.trustAdd(a, unknown, args) })
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return misused("which certificates? Name their files")
		}
		return nil
	}
	f := c.Flags()
	f.StringVar(&a.Group, "group", trust.DefaultGroup, "the `NAME` of the group")
	f.StringArrayVar(&a.RequiredPolicies, "required-policy", nil, "a policy (`OID`) that certificates must have, one of them where it is\nsaid several times: that of the authentication certificates")
	f.StringArrayVar(&a.RefusedPolicies, "refused-policy", nil, "a policy (`OID`) that certificates must not have")
	f.BoolVar(&a.AnyPolicy, "any-policy", false, "require no policy: a card's technical certificate, whose key needs\nno PIN, is accepted too")
	f.StringArrayVar(&unknown, "unknown-sha256", nil, "take the certificate with this SHA-256 (`HEX`), which is not one of the nine")
	f.StringArrayVar(&a.Include, "include", nil, "take this one of the nine (`NAME`) too, under which no card of a person\nis known to be issued")
	f.BoolVar(&a.Only, "dry-run", false, "say what would be done, and change nothing")
	return i.withJSON(c)
}

func (i *invocation) trustAdd(a trust.Addition, unknown, files []string) error {
	for _, text := range unknown {
		fingerprint, err := trust.ParseSHA256(text)
		if err != nil {
			return misused("--unknown-sha256: %v", err)
		}
		a.Unknown = append(a.Unknown, fingerprint)
	}
	for _, option := range []struct {
		name string
		oids []string
	}{{"--required-policy", a.RequiredPolicies}, {"--refused-policy", a.RefusedPolicies}} {
		for _, oid := range option.oids {
			if err := settings.CheckPolicy(oid); err != nil {
				return misused("%s: %v", option.name, err)
			}
		}
	}
	for _, name := range a.Include {
		if err := trust.CheckName(i.Known, name); err != nil {
			return misused("--include: %v", err)
		}
	}
	a.Settings, a.Known, a.Now, a.Check = i.config, i.Known, i.Now(), settings.Check
	certificates, problems := []trust.Certificate(nil), []trust.Problem(nil)
	for _, file := range files {
		read, err := trust.ReadFile(file)
		if err != nil {
			problems = append(problems, trust.Problem{File: file, Text: withoutPath(err)})
		}
		certificates = append(certificates, read...)
	}
	if len(problems) > 0 {
		return i.unchanged(&trust.Refusal{Problems: problems})
	}
	added, err := trust.Add(a, certificates)
	if errors.Is(err, trust.ErrPolicies) {
		return misused("%v", i.unchanged(err))
	}
	if err != nil {
		return i.unchanged(err)
	}
	return i.print(addedJSON(added), func() { i.showAdded(added, a.Only) })
}

// withoutPath is an error of a file whose name stands before it already.
func withoutPath(err error) string {
	if at, is := errors.AsType[*os.PathError](err); is {
		return at.Err.Error()
	}
	return err.Error()
}

// unchanged adds to an error that it changed nothing.
func (i *invocation) unchanged(err error) error {
	return fmt.Errorf("%w\nnothing was changed", err)
}

// addedCertificate is a certificate that was added, as JSON.
type addedCertificate struct {
	Role   string `json:"role"`
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	File   string `json:"file"` // where it was read
}

func addedCertificates(added trust.Added) []addedCertificate {
	list := []addedCertificate{}
	for _, c := range added.Roots {
		list = append(list, addedCertificate{"root", trust.Name(c.Certificate), c.SHA256(), c.File})
	}
	for _, c := range added.Intermediates {
		list = append(list, addedCertificate{"intermediate", trust.Name(c.Certificate), c.SHA256(), c.File})
	}
	return list
}

func addedJSON(added trust.Added) any {
	return struct {
		Group  string             `json:"group"`
		New    bool               `json:"new"`
		Added  []addedCertificate `json:"added"`
		CRLs   []string           `json:"crls"`
		Notes  []string           `json:"notes"`
		Backup string             `json:"backup"`
	}{added.Group, added.New, addedCertificates(added), append([]string{}, added.Addresses()...), append([]string{}, added.Notes...), added.Backup}
}

func (i *invocation) showAdded(added trust.Added, only bool) {
	list := addedCertificates(added)
	for _, c := range list {
		fmt.Fprintf(i.stdout, "%-12s %s\n%13sSHA-256 %s\n", c.Role, visible.Text(c.Name), "", c.SHA256)
	}
	for _, note := range added.Notes {
		fmt.Fprintln(i.stdout, visible.Text(note))
	}
	if len(list) == 0 {
		fmt.Fprintf(i.stdout, "The trust group %q has all of this already: nothing was changed.\n", added.Group)
		return
	}
	if at := added.Addresses(); len(at) > 0 {
		fmt.Fprintf(i.stdout, "The portal must reach, for revoked certificates: %s, and the addresses that the cards name.\n", strings.Join(at, ", "))
	}
	if added.Revocation != "crl" && added.Revocation != "" {
		fmt.Fprintf(i.stdout, "revocation is \"crl\" now, and was %q.\n", added.Revocation)
	}
	if only {
		fmt.Fprintln(i.stdout, "Nothing was changed: this was a dry run.")
		return
	}
	done := "has these too"
	if added.New {
		done = "is made"
	}
	fmt.Fprintf(i.stdout, "The trust group %q %s. The settings as they were: %s\nStart the portal again for it to take effect.\n", added.Group, done, added.Backup)
}

func (i *invocation) trustListCommand() *cobra.Command {
	return i.withJSON(i.command("list --config FILE [--json]", "the authorities in the settings, with fingerprints",
		`The trust groups of the settings file: each certificate with its SHA-256, how long
it is valid, and what it is: "known", one of the nine authorities of the
IGC-SANTE; "test", of a test PKI; "expired"; or "unknown".

Exit status 1 where a group for real cards has one that is not "known".`,
		func(context.Context, []string) error {
			groups, err := trust.List(i.config, i.Known, i.Now())
			if err != nil {
				return err
			}
			if err := i.print(map[string]any{"groups": groups}, func() { i.showGroups(groups) }); err != nil {
				return err
			}
			return questionable(groups)
		}))
}

func (i *invocation) showGroups(groups []trust.ListedGroup) {
	if len(groups) == 0 {
		fmt.Fprintln(i.stdout, "No trust group: no card is accepted.")
	}
	for _, g := range groups {
		what := "real cards"
		if g.Test {
			what = "test cards"
		}
		fmt.Fprintf(i.stdout, "%s (%s, line %d)\n", visible.Text(g.Name), what, g.Line)
		for _, policies := range []struct {
			what string
			list []string
		}{{"requires one of the policies", g.RequiredPolicies}, {"refuses the policies", g.RefusedPolicies}} {
			if len(policies.list) > 0 {
				fmt.Fprintf(i.stdout, "  %s %s\n", policies.what, visible.Text(strings.Join(policies.list, ", ")))
			}
		}
		for _, c := range g.Certificates {
			fmt.Fprintf(i.stdout, "  %-12s %-8s until %s  %s\n%16sSHA-256 %s\n%16s%s\n", c.Role, c.Is, c.Until.Format("2006-01-02"), visible.Text(c.Name), "", c.SHA256, "", c.File)
			for _, at := range c.CRLs {
				fmt.Fprintf(i.stdout, "%16srevoked certificates of its issuer: %s\n", "", visible.Text(at))
			}
		}
	}
}

func questionable(groups []trust.ListedGroup) error {
	var lines []string
	for _, g := range groups {
		for _, c := range g.Certificates {
			if !g.Test && c.Is != "known" {
				lines = append(lines, fmt.Sprintf("the group %q is for real cards, and has %s, which is %s", g.Name, c.Name, c.Is))
			}
		}
	}
	if len(lines) > 0 {
		return errors.New(strings.Join(lines, "\n"))
	}
	return nil
}
