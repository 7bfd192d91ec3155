package command

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

const (
	// readLimit bounds a reading by this process: a vendor's module may hang.
	readLimit = 30 * time.Second
	// askLimit bounds a request to the running agent.
	askLimit = 8 * time.Second
)

// reading is the cards as the running agent read them, so that the module is not
// opened twice and no login is disturbed; where no agent answers, as this process
// read them.
type reading struct {
	state.Cards
	dir     string // the state folder
	running bool
}

// readCards reads the cards. It reports on w that an agent runs and does not
// answer, and what goes wrong in a reading by this process.
func (s *invocation) readCards(ctx context.Context, refresh bool, w io.Writer) (reading, error) {
	dir, err := dirs.State()
	if err != nil {
		return reading{}, err
	}
	c := reading{dir: dir}
	answered, err := c.ask(ctx, refresh, s.reads)
	if answered {
		return c, err
	}
	if err != nil {
		_, _ = io.WriteString(w, "cpx-agent: "+s.Text("command.cards.no_answer")+"\n")
	}
	c.Cards, err = s.readAlone(ctx, cards.NewChoice(dir), w)
	return c, err
}

// reads reports whether an agent with these modules reads what is wanted: one that was
// started with other settings does not. Settings that are bad by now say nothing of those.
func (s *invocation) reads(modules []string) bool {
	return s.settingsErr != nil || slices.Equal(modules, s.Modules)
}

// ask asks the running agent, and returns false where none reads what is
// wanted. An error beside false says that an agent runs and does not answer.
func (c *reading) ask(ctx context.Context, refresh bool, wanted func(modules []string) bool) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	r, err := remote.State(ctx, c.dir, refresh)
	switch {
	case errors.Is(err, control.ErrNoAgent):
		return false, nil
	case err != nil:
		return false, err
	case !wanted(r.Configured):
		return false, nil // started with other settings
	}
	c.Cards, c.running = r.Cards, true
	if r.Failure != nil {
		err = errors.New(r.Failure.Detail)
	}
	return true, err
}

// readAlone reads all cards once, without a PIN, and asks PC/SC for the readers,
// because a module may name others. Without a choice nothing is chosen.
func (s *invocation) readAlone(ctx context.Context, choice *cards.Choice, w io.Writer) (state.Cards, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	var now pcsc.Event
	pool, err := pkcs11.Open(ctx, pkcs11.Options{Modules: s.Modules, Limits: pkcs11.Limits(s.Limits), Logger: s.readingLog(w),
		Refuse: s.Refuse("modules", slog.New(slog.DiscardHandler))}) // what is only reported, doctor reports
	if err != nil {
		return cards.Report(pkcs11.Snapshot{}, pool.Modules(), cards.Chosen{}, now), errors.Join(err, pool.Close())
	}
	defer pool.Close()
	_ = pool.AwaitOpening(ctx) // whatever ends it ends the reading too
	snapshot, err := pool.List(ctx)
	now.Readers, now.Err = pcsc.Readers(ctx)
	var chosen cards.Chosen
	if choice != nil {
		chosen, _ = choice.Get()
	}
	return cards.Report(snapshot, pool.Modules(), chosen, now), err
}

// readingLog is the log of a reading by this process. It holds warnings only,
// because they are printed among the answer's lines, unless the settings ask for
// more.
func (s *invocation) readingLog(w io.Writer) *slog.Logger {
	level := slog.LevelWarn
	if s.Log.Level == "debug" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// unread says why the cards could not be read.
func (s *invocation) unread(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return s.Text("command.cards.no_reading")
	}
	return s.Text("command.cards.unread") + s.detail(err.Error())
}

// beginning returns the certificates whose ID begins with prefix.
func (c reading) beginning(prefix string) []state.Certificate {
	var found []state.Certificate
	for _, each := range c.Certificates {
		if strings.HasPrefix(each.ID, strings.ToLower(prefix)) && prefix != "" {
			found = append(found, each)
		}
	}
	return found
}

// names reports whether prefix identifies one certificate, which a login can use.
func (c reading) names(prefix string) bool {
	found := c.beginning(prefix)
	return len(found) == 1 && found[0].Usable
}

// use makes the running agent choose the certificate. Where it has ended
// meanwhile, or hangs, the file is enough: the next login reads that.
func (c reading) use(ctx context.Context, certificate state.Certificate) error {
	if c.running {
		ctx, cancel := context.WithTimeout(ctx, askLimit)
		defer cancel()
		err := remote.Use(ctx, c.dir, certificate.ID)
		if !errors.Is(err, control.ErrNoAgent) && !errors.Is(err, control.ErrNoAnswer) {
			return err
		}
	}
	return cards.NewChoice(c.dir).Set(cards.Chosen{Certificate: certificate.ID, Identifier: certificate.Identifier, Kind: certificate.Kind})
}
