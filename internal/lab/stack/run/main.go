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
	reach, err := s.ReachAgent()
	if err != nil {
		return err
	}
	lines := reachLines(reach)
	claim.say(s, lines)
	announce(s, display, lines)
	return watch(ctx, stop, portal, agent, func() (*stack.Process, error) { return s.RestartAgent(ctx, !display) })
}

// watch waits for the end of everything. An agent that was quit is started anew by whoever
// types Enter; restart is called on this thread, with which the programs end.
func watch(ctx context.Context, stop context.CancelFunc, portal, agent *stack.Process, restart func() (*stack.Process, error)) error {
	for {
		select {
		case <-ctx.Done():
			_, _ = portal.Wait(), agent.Wait()
			fmt.Println("-- ended")
			return nil
		case <-portal.Done():
			stop()
			_ = agent.Wait() // that it was ended is no failure, and would hide this one
			return portal.Failure()
		case <-agent.Done():
		}
		switch {
		case ctx.Err() != nil:
			continue
		case agent.Wait() != nil:
			stop()
			_ = portal.Wait()
			return agent.Failure()
		case !onTerminal():
			stop()
			_ = portal.Wait()
			fmt.Println("-- the agent was quit, from its menu or with cpx-agent quit: the portal has ended with it. Again: make run")
			return nil
		}
		forgetTyped(os.Stdin) // an Enter of before is no answer to the next line
		fmt.Println("-- the agent was quit, from its menu or with cpx-agent quit: the page finds none now.\n   Enter here starts it again. Ctrl-C ends everything.")
		select {
		case <-ctx.Done():
			continue
		case <-portal.Done():
			continue
		case err := <-lineTyped():
			if err != nil { // the terminal is gone
				stop()
				continue
			}
		}
		var err error
		if agent, err = restart(); err != nil {
			err = errors.Join(ctx.Err(), err)
			stop()
			_ = portal.Wait()
			return err
		}
		fmt.Println("-- the agent runs again")
	}
}

// lineTyped waits for a line of the terminal. Nobody else may read there meanwhile: an agent
// that asks for the PIN on the terminal must have ended.
func lineTyped() <-chan error {
	typed := make(chan error, 1)
	go func() {
		var b [1]byte
		for b[0] != '\n' {
			if _, err := os.Stdin.Read(b[:]); err != nil {
				typed <- err
				return
			}
		}
		typed <- nil
	}()
	return typed
}

func onTerminal() bool { return term.IsTerminal(int(os.Stdin.Fd())) }

// reachLines say how to look at the agent and how to end it, by the lines that do so.
func reachLines(reach string) string {
	return fmt.Sprintf(`In another terminal these lines look at this agent, and stop it. A cpx-agent without them
looks for one that is installed:

    %[1]s doctor
    %[1]s quit

`, reach)
}

func announce(s *stack.Stack, display bool, lines string) {
	where := "The PIN dialog is a window, and the agent's menu is in the tray."
	if !display {
		where = "There is no display here: the PIN is asked on this terminal."
		if !onTerminal() {
			where = "There is neither a display nor a terminal here: nobody can be asked for the PIN.\n" +
				"Start it on a terminal to log in."
		}
	}
	if more := surroundings(os.Getenv, os.ReadFile); more != "" {
		where += "\n" + more
	}
	restarts := "Enter here starts it again"
	if !onTerminal() {
		restarts = "the portal ends too: make run starts both again"
	}
	fmt.Printf(`
CPx Bridge is running. Open this address in a browser on this machine:

    %s

%s
%s

%sOnce it has been quit, there or in its menu, %s.
What doctor, the page and the agent's window say of the applications' menu, and of the
start with the desktop, is for an agent that is installed: this one is not.

Logs are in %s. Ctrl-C ends everything.

`, s.Origin, account(s), where, lines, restarts, s.Dir())
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
