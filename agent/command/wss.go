package command

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/agent/localcert"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

func (s *invocation) wssCommand() *cobra.Command {
	c := plainCommand("wss", about{short: "command.wss.short", long: "command.wss.long", exits: "command.wss.exits"}, nil)
	c.AddCommand(
		s.command("install", about{short: "command.wss.install"}, s.withCertificate(s.wssInstall)),
		s.command("remove", about{short: "command.wss.remove"}, s.withCertificate(s.wssRemove)),
		s.command("status", about{short: "command.wss.status"}, s.withCertificate(s.wssStatus)),
	)
	return c
}

// withCertificate makes a command that does something with the local certificate,
// and prints in the person's language why it could not.
func (s *invocation) withCertificate(do func(ctx context.Context, store *localcert.Store) error) func(context.Context, []string) error {
	return func(ctx context.Context, _ []string) error {
		dir, err := dirs.State()
		if err == nil {
			err = do(ctx, localcert.New(localcert.Options{Dir: dir, Keys: keyring.Ring{Unlock: true}}))
		}
		if err == nil || errors.Is(err, errProblem) {
			return err
		}
		return s.wssFailed(err)
	}
}

func (s *invocation) wssFailed(err error) error {
	s.complain(localcert.Why(err, s.lang) + s.detail(localcert.Detail(err)))
	return errProblem
}

// wssAsks announces that the system will ask the person.
func (s *invocation) wssAsks() {
	if runtime.GOOS != "linux" {
		fmt.Fprintln(s.stderr, s.Text("command.wss.asks"))
	}
}

func (s *invocation) wssInstall(ctx context.Context, store *localcert.Store) error {
	s.wssAsks()
	r, err := store.Install(ctx)
	if err != nil {
		return err
	}
	s.say(s.Text("command.wss.installed", language.Date(r.End, s.lang), strings.Join(r.Stores, ", ")))
	if !s.WSS.Enabled {
		fmt.Fprintln(s.stderr, s.Text("command.wss.off"))
	}
	for _, problem := range r.Problems {
		err = s.wssFailed(problem)
	}
	return err
}

func (s *invocation) wssRemove(ctx context.Context, store *localcert.Store) error {
	s.wssAsks()
	r, err := store.Remove(ctx)
	switch {
	case err != nil:
		return err
	case len(r.Problems) > 0:
		for _, problem := range r.Problems {
			s.notRemoved(problem)
		}
		return errProblem
	case len(r.Stores) == 0:
		s.say(s.Text("command.wss.nothing"))
	default:
		s.say(s.Text("command.wss.removed", strings.Join(r.Stores, ", ")))
	}
	return nil
}

func (s *invocation) notRemoved(problem error) {
	if errors.Is(problem, localcert.ErrLost) {
		_ = s.wssFailed(problem)
		return
	}
	s.complain(s.Text("command.wss.not_removed", localcert.Why(problem, s.lang)) + s.detail(localcert.Detail(problem)))
}

func (s *invocation) wssStatus(ctx context.Context, store *localcert.Store) error {
	st, err := store.Status(ctx)
	if err != nil {
		return err
	}
	problem := func(text string) {
		s.say(text)
		err = errProblem
	}
	s.wssEnd(st, problem)
	if len(st.Trusted) > 0 {
		s.say(s.Text("command.wss.trusted", strings.Join(st.Trusted, ", ")))
	}
	if len(st.Missing) > 0 {
		problem(s.Text("command.wss.not_trusted", strings.Join(st.Missing, ", ")))
	}
	if st.Older > 0 {
		problem(s.Text("command.wss.older", st.Older))
	}
	if !s.WSS.Enabled {
		problem(s.Text("command.wss.off"))
	}
	return err
}

// wssEnd prints until when the certificate is valid.
func (s *invocation) wssEnd(st localcert.Status, problem func(string)) {
	switch now := time.Now(); {
	case !st.Installed:
		problem(localcert.Why(localcert.ErrNotInstalled, s.lang))
	case now.After(st.End):
		problem(localcert.Why(localcert.ErrExpired, s.lang))
	default:
		s.say(s.Text("command.wss.ends", language.Date(st.End, s.lang)))
		if st.Renew(now) {
			problem(s.Text("command.wss.renew"))
		}
	}
}
