package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// lookLimit bounds a look from the command line: a vendor module may hang.
const lookLimit = 30 * time.Second

// report is what certs prints; with --json as it stands here.
type report struct {
	Modules      []reportModule      `json:"modules"`
	Readers      []reportReader      `json:"readers"`
	Certificates []reportCertificate `json:"certificates"`
}

type reportModule struct {
	Path  string `json:"path"`
	Error string `json:"error,omitempty"`
}

type reportReader struct {
	Module string `json:"module"`
	Name   string `json:"name"`
	Card   string `json:"card"` // the token's label, "" without a card
}

type reportCertificate struct {
	ID         string    `json:"id"`
	Holder     string    `json:"holder"`
	Identifier string    `json:"identifier"`
	Profession string    `json:"profession,omitempty"`
	Kind       string    `json:"kind,omitempty"`
	NotBefore  time.Time `json:"notBefore"`
	NotAfter   time.Time `json:"notAfter"`
	Card       string    `json:"card"`
	Usable     bool      `json:"usable"`
	Reason     string    `json:"reason,omitempty"`
	Chosen     bool      `json:"chosen"`
	Renew      bool      `json:"renew"` // it expires within sixty days
}

// look reads all cards once, without a PIN.
func look(ctx context.Context, p *policy.Effective, stderr io.Writer) (report, error) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	cards, err := pkcs11.Open(ctx, pkcs11.Options{Modules: p.Modules, Limits: pkcs11.Limits(p.Limits), Logger: logger(p, stderr)})
	if err != nil {
		return report{}, err
	}
	defer cards.Close()
	snapshot, err := cards.List(ctx)
	r := report{Modules: []reportModule{}, Readers: []reportReader{}, Certificates: []reportCertificate{}}
	for _, m := range cards.Modules() {
		module := reportModule{Path: m.Path}
		if m.Err != nil {
			module.Error = m.Err.Error()
		}
		r.Modules = append(r.Modules, module)
	}
	for _, s := range snapshot.Slots {
		reader := reportReader{Module: s.Module, Name: s.Description}
		if s.Token != nil {
			reader.Card = s.Token.Label
		}
		r.Readers = append(r.Readers, reader)
	}
	var chosen agent.Chosen
	if c, err := choice(); err == nil {
		chosen, _ = c.Get()
	}
	use, _ := chosen.Among(snapshot)
	for _, c := range snapshot.Certificates {
		h := agent.Holder(c, agent.Language(p.Lang))
		card := ""
		if c.Slot.Token != nil {
			card = c.Slot.Token.Label
		}
		r.Certificates = append(r.Certificates, reportCertificate{
			ID: c.ID, Holder: h.Name, Identifier: h.Identifier, Profession: h.Profession, Kind: h.Kind,
			NotBefore: c.X509.NotBefore, NotAfter: c.X509.NotAfter, Card: card,
			Usable: c.Reason == pkcs11.Usable, Reason: string(c.Reason), Chosen: c.ID == use.ID, Renew: h.Renew,
		})
	}
	return r, err
}

func choice() (*agent.Choice, error) {
	dir, err := agent.StateDir()
	if err != nil {
		return nil, err
	}
	return agent.NewChoice(dir), nil
}

func certs(ctx context.Context, p *policy.Effective, asJSON bool, stdout, stderr io.Writer) int {
	r, err := look(ctx, p, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
	}
	if asJSON {
		text, jsonErr := json.MarshalIndent(r, "", "  ")
		if jsonErr != nil {
			fmt.Fprintln(stderr, "cpx-agent:", jsonErr)
			return exitProblem
		}
		fmt.Fprintln(stdout, string(text))
	} else {
		r.print(stdout, agent.Language(p.Lang))
	}
	for _, c := range r.Certificates {
		if c.Usable && err == nil {
			return exitGood
		}
	}
	return exitProblem
}

func (r report) print(w io.Writer, lang string) {
	words := map[string][5]string{
		agent.French:  {"Lecteurs :", "aucun", "sans carte", "Certificats :", "prochaine connexion"},
		agent.English: {"Readers:", "none", "no card", "Certificates:", "next login"},
	}[lang]
	fmt.Fprintln(w, words[0])
	for _, s := range r.Readers {
		card := s.Card
		if card == "" {
			card = words[2]
		}
		fmt.Fprintf(w, "  %s  %s\n", printable(s.Name), printable(card))
	}
	if len(r.Readers) == 0 {
		fmt.Fprintln(w, " ", words[1])
	}
	fmt.Fprintln(w, words[3])
	for _, c := range r.Certificates {
		mark := ""
		if c.Chosen {
			mark = " ← " + words[4]
		}
		if c.Renew {
			mark += " (" + agent.RenewText(lang) + ")"
		}
		fmt.Fprintf(w, "  %s  %s  %s  (%s)%s\n", c.ID[:12], printable(c.Holder), printable(c.Identifier),
			strings.Join(printables(c.Kind, c.Profession, agent.Date(c.NotAfter, lang), agent.ReasonText(pkcs11.Reason(c.Reason), lang)), ", "), mark)
	}
	if len(r.Certificates) == 0 {
		fmt.Fprintln(w, " ", words[1])
	}
}

// printable keeps what a card says from steering a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || (r >= 0x7f && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return '\uFFFD'
		}
		return r
	}, s)
}

func printables(values ...string) []string {
	var out []string
	for _, v := range values {
		if v != "" {
			out = append(out, printable(v))
		}
	}
	return out
}

// useCertificate takes an ID or an unambiguous beginning of one.
func useCertificate(ctx context.Context, p *policy.Effective, prefix string, stdout, stderr io.Writer) int {
	r, err := look(ctx, p, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	var found []reportCertificate
	for _, c := range r.Certificates {
		if strings.HasPrefix(c.ID, strings.ToLower(prefix)) && prefix != "" {
			found = append(found, c)
		}
	}
	switch {
	case len(found) == 0:
		fmt.Fprintf(stderr, "cpx-agent: no certificate on a card begins with %q; `cpx-agent certs` lists them\n", prefix)
		return exitProblem
	case len(found) > 1:
		fmt.Fprintf(stderr, "cpx-agent: %q is the beginning of %d certificates; give more of it\n", prefix, len(found))
		return exitProblem
	case !found[0].Usable:
		fmt.Fprintf(stderr, "cpx-agent: this certificate cannot be used for a login: %s\n", agent.ReasonText(pkcs11.Reason(found[0].Reason), agent.Language(p.Lang)))
		return exitProblem
	}
	c, err := choice()
	if err == nil {
		err = c.Set(agent.Chosen{Certificate: found[0].ID, Identifier: found[0].Identifier, Kind: found[0].Kind})
	}
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	fmt.Fprintf(stdout, "%s  %s\n", found[0].ID, printable(found[0].Holder))
	return exitGood
}
