// Command demo is `make demo`: a whole login without a person, in a real browser, on a
// screen of its own. Keys that are typed into the agent's window replace the person;
// nothing else is faked. It attaches a demonstration card to an account, logs out, logs in
// with one click, saves a picture of each step under build/demo, also of the screen where
// the PIN is asked for, and prints each step with its time. It exits 0 only if every step
// succeeded.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// host is a made-up name; the browser resolves it to this machine.
const host = "portail.cpx.test"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := run(ctx, "build/demo", "build/bin"); err != nil {
		fmt.Fprintln(os.Stderr, "make demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, bin string) (err error) {
	// Each run begins with a new card and an empty portal.
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	begun := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	desktop, err := newScreen(ctx)
	if desktop != nil {
		defer desktop.wait()
	}
	if err != nil {
		cancel()
		return err
	}
	s, err := stack.Prepare(ctx, stack.Options{Dir: dir, Bin: bin, Host: host, Extra: desktop.environment()})
	if err != nil {
		cancel()
		return err
	}
	portal, err := s.StartPortal(ctx)
	if err != nil {
		cancel()
		return err
	}
	defer portal.Wait()
	agent, err := s.StartAgent(ctx, false, "--no-tray")
	if err != nil {
		cancel()
		return err
	}
	defer agent.Wait()
	defer cancel()
	fmt.Printf("%-58s %8s\n", "card, account, portal and agent are ready", round(time.Since(begun)))

	tab, end, err := browser.Start(ctx, browser.Options{
		Home: s.Path("browser"), Origin: s.Origin, CAFile: s.Path("tls-ca.pem"), Public: true, Grant: true, Lang: "fr", Display: desktop.display,
	})
	if err != nil {
		return err
	}
	defer end()
	for i, step := range stack.LoginSteps(s) {
		stepBegun := time.Now()
		asked := make(chan error, 1)
		if step.PIN {
			go func() { asked <- desktop.typePIN(tab, s.Cards[0].PIN, s.Path(fmt.Sprintf("%d-pin.png", i+1))) }()
		} else {
			asked <- nil
		}
		err := step.Do(tab)
		if err == nil {
			err = <-asked
		}
		if err != nil {
			_ = browser.Picture(tab, s.Path(fmt.Sprintf("%d-failed.png", i+1)))
			return fmt.Errorf("step %d, %s: %w\n%s", i+1, step.Name, err, browser.PageText(tab))
		}
		took := time.Since(stepBegun)
		picture := s.Path(fmt.Sprintf("%d-%s.png", i+1, step.File))
		if err := browser.Picture(tab, picture); err != nil {
			return err
		}
		fmt.Printf("%d. %-55s %8s\n", i+1, step.Name, round(took))
	}
	fmt.Printf("All of it happened. Pictures: %s\n", s.Dir())
	return nil
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
