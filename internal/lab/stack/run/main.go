// Command run is the last step of `make run`: it sets up a demonstration card and
// account under build/run, starts portal and agent, prints what to do, and ends both on
// Ctrl-C. It writes nowhere else, but for the file in the person's cache which says
// that it runs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/term"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/tray"
)

// usualPort is the portal's, so that its address is the same each time. CPX_PORT names
// another.
const usualPort = 18420

func main() {
	// Portal and agent end with this thread, also where this process is killed.
	runtime.LockOSThread()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "make run:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()

	claim, err := newClaim()
	var running *runningError
	if errors.As(err, &running) {
		fmt.Print(running.text)
		return nil
	}
	if err != nil {
		return err
	}
	defer claim.release()

	err = serve(ctx, stop, claim)
	if errors.Is(err, context.Canceled) {
		return nil // Ctrl-C, before all was ready
	}
	return err
}

func wantedPort() (int, error) {
	set := os.Getenv("CPX_PORT")
	if set == "" {
		return usualPort, nil
	}
	port, err := strconv.Atoi(set)
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("CPX_PORT: %q is no port (1 to 65535)", set)
	}
	return port, nil
}

func serve(ctx context.Context, stop context.CancelFunc, claim *claim) error {
	port, err := wantedPort()
	if err != nil {
		return err
	}
	fmt.Println("-- making a demonstration card and an account: seconds, the first time")
	s, err := stack.Prepare(ctx, stack.Options{Dir: "build/run", Bin: "build/bin", Port: port, Bound: true})
	if err != nil {
		return err
	}
	fmt.Println("-- starting portal and agent: seconds")
	portal, err := s.StartPortal(ctx)
	if err != nil {
		return errors.Join(ctx.Err(), err)
	}
	display := tray.Available()
	agent, err := s.StartAgent(ctx, !display)
	if err != nil {
		return errors.Join(ctx.Err(), err)
	}
	if wanted := fmt.Sprint("http://localhost:", port); s.Origin != wanted {
		fmt.Printf("   Port %d is taken by another program, so that the address is another this time.\n", port)
	}
	claim.say(s)
	announce(s, display)

	select {
	case <-ctx.Done():
		_, _ = portal.Wait(), agent.Wait()
		fmt.Println("-- ended")
		return nil
	case <-portal.Done():
		stop()
		return errors.Join(portal.Failure(), agent.Wait())
	case <-agent.Done():
		if err := agent.Wait(); err == nil {
			stop()
			_ = portal.Wait()
			fmt.Println("-- the agent was quit, from its menu or with cpx-agent quit: the portal has ended with it. Again: make run")
			return nil
		}
		stop()
		return errors.Join(agent.Failure(), portal.Wait())
	}
}

func announce(s *stack.Stack, display bool) {
	where := "The PIN dialog is a window, and the agent's menu is in the tray."
	if !display {
		where = "There is no display here: the PIN is asked on this terminal."
		if !term.IsTerminal(int(os.Stdin.Fd())) {
			where = "There is neither a display nor a terminal here: nobody can be asked for the PIN.\n" +
				"Start it on a terminal to log in."
		}
	}
	if more := surroundings(os.Getenv, os.ReadFile); more != "" {
		where += "\n" + more
	}
	fmt.Printf(`
CPx Bridge is running. Open this address in a browser on this machine:

    %s

%s
%s
Logs are in %s. Ctrl-C ends everything.

`, s.Origin, account(s), where, s.Dir())
}

// account is what a person types to log in.
func account(s *stack.Stack) string {
	return fmt.Sprintf(`    Card       %s, PIN %s
    User name  %s
    Password   %s
    Region     %s (may be left empty)
    Service    %s (may be left empty)
`, s.Cards[0].Holder, s.Cards[0].PIN, stack.Username, stack.Password, stack.RegionName, stack.Service)
}
