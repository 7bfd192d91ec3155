package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/autostart"
	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
)

func (s *invocation) doctorCommand() *cobra.Command {
	var identity bool
	var o reportOptions
	var which selection
	c := plainCommand("doctor", about{short: "command.doctor.short", long: "command.doctor.long", exits: "command.doctor.exits", use: "command.doctor.use"}, func(ctx context.Context, _ []string) error {
		if err := errors.Join(o.check(s.json, identity), which.check(o, s.json)); err != nil {
			return err
		}
		if which.schema {
			_, err := s.stdout.Write(doctor.Schema())
			return orUnexamined(err)
		}
		return orUnexamined(s.doctor(ctx, identity, o, which))
	})
	c.Flags().BoolVar(&s.json, "json", false, "command.doctor.json")
	c.Flags().BoolVar(&identity, "identity", false, "command.doctor.identity")
	c.Flags().StringVar(&o.file, "report", "", "command.doctor.report_file")
	c.Flags().BoolVar(&o.withHost, "with-host", false, "command.doctor.with_host")
	c.Flags().StringVar(&o.reference, "reference", "", "command.doctor.reference")
	c.Flags().StringVar(&which.scope, "scope", "", "command.doctor.scope")
	c.Flags().StringVar(&which.ignore, "ignore", "", "command.doctor.ignore")
	c.Flags().BoolVar(&which.schema, "schema", false, "command.doctor.schema")
	complete(c, "scope", scopeNames()...)
	return c
}

// doctor examines the workstation, also where its settings are bad: what else is wrong
// there must not come out one by one. It changes nothing in a running agent.
func (s *invocation) doctor(ctx context.Context, identity bool, o reportOptions, which selection) error {
	scopes, _ := which.scopes()
	ignore, _ := which.codes()
	dir, err := dirs.State()
	if err != nil && !s.line.ofEverybody() {
		return errors.New(s.Text("command.doctor.no_home"))
	}
	if o.reference != "" {
		return s.findReference(ctx, dir, o.reference)
	}
	var read seenCards
	r := doctor.Run(ctx, doctor.Options{
		Policy: s.Effective, SettingsErr: s.settingsErr, Lang: s.lang, Agent: s.Version, StateDir: dir, Identity: identity, Toolkit: s.Toolkit, Display: s.Display,
		Scopes: scopes, Ignore: ignore, OwnSettings: s.paths.User,
		Cards: func(ctx context.Context) (state.Cards, error) {
			if s.line.ofEverybody() {
				return s.readAlone(ctx, nil, io.Discard)
			}
			c, err := s.readCards(ctx, true, io.Discard)
			read.set(c.Cards)
			return c.Cards, err
		},
		Answers: func(ctx context.Context) (state.State, error) {
			ctx, cancel := context.WithTimeout(ctx, askLimit)
			defer cancel()
			return remote.Desktop(ctx, dir)
		},
		OtherSession: func() bool { return control.OtherSession(dir) },
		Autostart: func() (doctor.Start, error) {
			if s.line.ofEverybody() {
				return toStart(autostart.Everyone())
			}
			return toStart(autostart.Get())
		},
		Menu:       menuOfDoctor(),
		HowToStart: func() string { return s.howToStart() },
	})
	switch {
	case s.json:
		if err := s.printJSON(r); err != nil {
			return err
		}
	case o.file == "":
		if os.Geteuid() == 0 && !s.line.ofEverybody() { // who would read root's desktop as everyone's
			s.say(s.Text("command.doctor.own_of_root"))
		}
		if _, err := fmt.Fprint(s.stdout, r.Text()); err != nil {
			return err
		}
	}
	if o.file != "" {
		x, runs := s.agentsState(ctx, dir)
		if !runs {
			x.Cards = read.get()
		}
		if err := s.bundle(dir, r, x, runs, o); err != nil {
			return err
		}
	}
	if r.Outcome == doctor.Problem { // as bad settings are
		return errProblem
	}
	return nil
}

// seenCards are the cards that a check read, which may outlast the examination.
type seenCards struct {
	mu    sync.Mutex
	cards state.Cards
}

func (c *seenCards) set(cards state.Cards) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cards = cards
}

func (c *seenCards) get() state.Cards {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cards
}

func toStart(s autostart.State, err error) (doctor.Start, error) {
	return doctor.Start{Enabled: s.Enabled, Where: s.Where, Missing: s.Missing, Program: s.Program, Supervised: s.Supervised, Unit: s.Unit}, err
}

// menuOfDoctor is nil where a program needs no entry to stand in a menu.
func menuOfDoctor() func() (doctor.Start, error) {
	if runtime.GOOS == "darwin" {
		return nil
	}
	return func() (doctor.Start, error) { return toStart(autostart.Menu()) }
}

// howToStart tells the person how the agent is started here, in one line.
func (s *invocation) howToStart() string {
	program, err := os.Executable()
	if err != nil {
		program = "cpx-agent"
	}
	return strings.ReplaceAll(autostart.HowToStart(s.lang, program), "\n", " ")
}
