package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

const (
	// lookLimit bounds a look from the command line: a vendor module may hang.
	lookLimit = 30 * time.Second
	// askLimit bounds a question to the running agent.
	askLimit = 8 * time.Second
)

// cards is a look: the running agent's where one answers, so that the module
// is not opened twice and no login is disturbed, else one of our own.
type cards struct {
	agent.CardReport
	state   string // folder
	running bool
}

func look(ctx context.Context, p settings, refresh bool, stderr io.Writer) (cards, error) {
	state, err := agent.StateDir()
	if err != nil {
		return cards{}, err
	}
	c := cards{state: state}
	running, err := c.ask(ctx, p, refresh)
	if running {
		return c, err
	}
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", texts[language(p, stderr)].noAnswer)
	}
	c.CardReport, err = ownLook(ctx, p, agent.NewChoice(state), stderr)
	return c, err
}

// ask is false where there is no agent that reads these modules; then an error
// says that one is there and does not answer.
func (c *cards) ask(ctx context.Context, p settings, refresh bool) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	r, err := remote.State(ctx, c.state, refresh)
	switch {
	case errors.Is(err, control.ErrNoAgent):
		return false, nil
	case err != nil:
		return false, err
	case !slices.Equal(r.Settings, p.Modules):
		return false, nil // started with other settings
	}
	c.CardReport, c.running = r.CardReport, true
	if r.Error != "" {
		err = errors.New(r.Error)
	}
	return true, err
}

// ownLook reads all cards once, without a PIN, and asks PC/SC which readers there
// are: a module may name others.
func ownLook(ctx context.Context, p settings, choice *agent.Choice, stderr io.Writer) (agent.CardReport, error) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	var now pcsc.Event
	pool, err := pkcs11.Open(ctx, pkcs11.Options{Modules: p.Modules, Limits: pkcs11.Limits(p.Limits), Logger: looker(p, stderr)})
	if err != nil {
		return agent.ReportLook(pkcs11.Snapshot{}, nil, agent.Chosen{}, now), err
	}
	defer pool.Close()
	snapshot, err := pool.List(ctx)
	now.Readers, now.Err = pcsc.Readers(ctx)
	chosen, _ := choice.Get()
	return agent.ReportLook(snapshot, pool.Modules(), chosen, now), err
}

// unread says why the cards could not be read.
func unread(err error, lang string) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return texts[lang].cardsLate
	}
	return err.Error()
}

// looker is the log of a look from the command line: what went wrong, among the
// answer's lines, and no more unless the settings ask for more.
func looker(p settings, w io.Writer) *slog.Logger {
	level := slog.LevelWarn
	if p.Log.Level == "debug" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

func certs(ctx context.Context, p settings, asJSON bool, stdout, stderr io.Writer) int {
	c, err := look(ctx, p, true, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", unread(err, language(p, stderr)))
	}
	if asJSON {
		text, jsonErr := json.MarshalIndent(c.CardReport, "", "  ")
		if jsonErr != nil {
			fmt.Fprintln(stderr, "cpx-agent:", jsonErr)
			return exitProblem
		}
		fmt.Fprintln(stdout, string(text))
	} else {
		fmt.Fprint(stdout, c.Text(language(p, stderr)))
	}
	for _, certificate := range c.Certificates {
		if certificate.Usable && err == nil {
			return exitGood
		}
	}
	return exitProblem
}

// beginning are the certificates whose ID begins with prefix.
func (c cards) beginning(prefix string) []agent.CertificateReport {
	var found []agent.CertificateReport
	for _, each := range c.Certificates {
		if strings.HasPrefix(each.ID, strings.ToLower(prefix)) && prefix != "" {
			found = append(found, each)
		}
	}
	return found
}

// usable is the one certificate that prefix means, where a login can use it.
func (c cards) usable(prefix string) bool {
	found := c.beginning(prefix)
	return len(found) == 1 && found[0].Usable
}

// useCertificate takes an ID or an unambiguous beginning of one. The running agent
// looks anew only where what it knows is not enough: a card may be slow.
func useCertificate(ctx context.Context, p settings, prefix string, stdout, stderr io.Writer) int {
	c, err := look(ctx, p, false, stderr)
	if c.running && !c.usable(prefix) {
		_, err = c.ask(ctx, p, true)
	}
	lang := language(p, stderr)
	if err != nil && !c.usable(prefix) {
		fmt.Fprintln(stderr, "cpx-agent:", unread(err, lang))
		return exitProblem
	}
	found := c.beginning(prefix)
	w, wrong := texts[lang], ""
	switch {
	case len(found) == 0:
		wrong = fmt.Sprintf(w.noCertificate, agent.Printable(prefix))
	case len(found) > 1:
		wrong = fmt.Sprintf(w.ambiguous, agent.Printable(prefix), len(found))
	case !found[0].Usable:
		wrong = fmt.Sprintf(w.notForLogin, agent.ReasonText(pkcs11.Reason(found[0].Reason), lang))
	}
	if wrong != "" {
		if behind := c.Behind(lang); behind != "" {
			fmt.Fprintln(stderr, "cpx-agent:", behind)
		}
		fmt.Fprintln(stderr, "cpx-agent:", wrong)
		return exitProblem
	}
	if err := c.use(ctx, found[0]); err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	fmt.Fprintf(stdout, "%s  %s\n", found[0].ID, agent.Printable(found[0].Holder))
	return exitGood
}

// use tells the running agent. Where it has gone since, or hangs, the file is
// enough: the next login reads it.
func (c cards) use(ctx context.Context, certificate agent.CertificateReport) error {
	if c.running {
		ctx, cancel := context.WithTimeout(ctx, askLimit)
		defer cancel()
		err := remote.Use(ctx, c.state, certificate.ID)
		if !errors.Is(err, control.ErrNoAgent) && !errors.Is(err, control.ErrNoAnswer) {
			return err
		}
	}
	return agent.NewChoice(c.state).Set(agent.Chosen{Certificate: certificate.ID, Identifier: certificate.Identifier, Kind: certificate.Kind})
}
