// Command run is `make run`: it sets up a demonstration card and account under
// build/run, starts portal and agent, prints what to do, and ends both on
// Ctrl-C. It never writes outside build/.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/tray"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "make run:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()

	err := serve(ctx, stop)
	if errors.Is(err, context.Canceled) {
		return nil // Ctrl-C, before all was ready
	}
	return err
}

func serve(ctx context.Context, stop context.CancelFunc) error {
	s, err := stack.Prepare(ctx, stack.Options{Dir: "build/run", Bin: "build/bin"})
	if err != nil {
		return err
	}
	portal, err := s.StartPortal(ctx)
	if err != nil {
		return errors.Join(ctx.Err(), err)
	}
	display := tray.Available()
	agent, err := s.StartAgent(ctx, !display)
	if err != nil {
		return errors.Join(ctx.Err(), err)
	}
	announce(s, display)

	select {
	case <-ctx.Done():
		_, _ = portal.Wait(), agent.Wait()
		return nil
	case <-portal.Done():
		stop()
		return errors.Join(portal.Failure(), agent.Wait())
	case <-agent.Done():
		if err := agent.Wait(); err == nil {
			stop()
			_ = portal.Wait()
			return nil // the person chose "quit" in the tray
		}
		stop()
		return errors.Join(agent.Failure(), portal.Wait())
	}
}

func announce(s *stack.Stack, display bool) {
	where := "The PIN dialog is a window, and the agent's menu is in the tray."
	if !display {
		where = "There is no display here: the PIN is asked on this terminal."
	}
	fmt.Printf(`
CPx Bridge is running. Open this address in a browser on this machine:

    %s

    Card       %s, PIN %s
    User name  %s
    Password   %s
    Region     %s and
    service    %s: both may be left empty

%s
Logs are in %s. Ctrl-C ends everything.

`, s.Origin, s.Cards[0].Holder, s.Cards[0].PIN, stack.Username, stack.Password, stack.RegionName, stack.Service, where, s.Dir())
}
