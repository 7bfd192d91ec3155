// Command cpx-card makes demonstration CPx cards, for people without one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/caservice"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
)

// version is set by the build.
var version = "dev"

const usage = `Usage: cpx-card COMMAND [OPTIONS]

  demo  --dir DIR [--card NAME]... [--all] [--ca-service ADDRESS]
                                             make demonstration cards in SoftHSM tokens under DIR
  renew --dir DIR --card NAME [--new-ca]     new keys and certificates, same identifier
  list  --dir DIR                            the cards of DIR
  virtual --dir DIR [--type TYPE] [--kind KIND] [--pinpad] [--contactless]
                                             a virtual card on a virtual reader, until Ctrl-C
  tell  --dir DIR WORDS                      to the virtual card of DIR; tell help says which
  ca-service --dir DIR [--validity DURATION] the revocation lists and OCSP of DIR's CAs, until Ctrl-C
  ca-tell --dir DIR WORDS                    to the CA service of DIR; ca-tell help says which
  version

A program uses the cards with SOFTHSM2_CONF=DIR/softhsm2.conf, and the virtual
card, through OpenSC's module, with PCSCLITE_CSOCK_NAME=DIR/pcscd.
Types: cps3 (the default), cps4, piv, piv-p256, piv-p384. Kinds: CPS, CPF, CPE, CPA.
--contactless lays a cps3 on a contactless reader: it shows its technical key only,
with which nobody logs in.
--ca-service http://127.0.0.1:9080 has all certificates of a new DIR name the CA service
at that address, which must be one of this machine alone.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// names collects --card.
type names []string

func (n *names) String() string { return fmt.Sprint(*n) }

func (n *names) Set(value string) error {
	*n = append(*n, value)
	return nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	misused := func(what string) int {
		fmt.Fprintf(stderr, "cpx-card: %s\n\n%s", what, usage)
		return 2
	}
	if len(args) == 0 {
		return misused("a command is missing")
	}
	var cards names
	set := flag.NewFlagSet("cpx-card", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	dir := set.String("dir", "", "")
	all := set.Bool("all", false, "")
	newCA := set.Bool("new-ca", false, "")
	set.Var(&cards, "card", "")
	var v virtualOptions
	set.StringVar(&v.kindOfCard, "type", "", "")
	set.StringVar(&v.kind, "kind", "CPS", "")
	set.BoolVar(&v.pinPad, "pinpad", false, "")
	set.BoolVar(&v.contactless, "contactless", false, "")
	service := set.String("ca-service", "", "")
	validity := set.Duration("validity", time.Hour, "")
	if err := set.Parse(args[1:]); err != nil {
		return misused(err.Error())
	}
	if set.NArg() > 0 && args[0] != "tell" && args[0] != "ca-tell" {
		return misused(fmt.Sprintf("unexpected %q", set.Arg(0)))
	}
	command := args[0]
	switch command {
	case "version", "--version":
		fmt.Fprintln(stdout, "cpx-card", version)
		return 0
	case "help", "--help", "-h":
		fmt.Fprint(stdout, usage)
		return 0
	case "demo", "renew", "list", "virtual", "tell", "ca-service", "ca-tell":
	default:
		return misused(fmt.Sprintf("unknown command %q", command))
	}
	if help := map[string]string{"tell": virtual.Commands, "ca-tell": caservice.Commands}[command]; help != "" && set.Arg(0) == "help" {
		fmt.Fprint(stdout, help)
		return 0
	}
	if *dir == "" {
		return misused("--dir is missing")
	}
	var err error
	if *service != "" {
		if command != "demo" && command != "virtual" {
			return misused(command + " takes no --ca-service: the cards' certificates have it")
		}
		if err := democard.SetService(*dir, *service); err != nil {
			return failed(stderr, err)
		}
	}
	switch command {
	case "ca-service":
		return failed(stderr, serveCA(ctx, *dir, *validity, stdout))
	case "ca-tell":
		return answered(stdout, stderr, func() (string, error) { return sendService(*dir, strings.Join(set.Args(), " ")) })
	case "virtual":
		return failed(stderr, serveVirtual(ctx, *dir, v, stdout))
	case "tell":
		return answered(stdout, stderr, func() (string, error) { return virtual.Send(controlPath(*dir), strings.Join(set.Args(), " ")) })
	case "demo":
		switch {
		case *all:
			cards = democard.Names()
		case len(cards) == 0:
			cards = names{democard.Names()[0]}
		}
		_, err = democard.Make(*dir, cards, time.Now())
	case "renew":
		if len(cards) != 1 {
			return misused("renew takes exactly one --card")
		}
		err = democard.Renew(*dir, cards[0], *newCA, time.Now())
	}
	if err == nil {
		err = show(stdout, *dir)
	}
	return failed(stderr, err)
}

// answered prints what a program that runs answered.
func answered(stdout, stderr io.Writer, send func() (string, error)) int {
	answer, err := send()
	if err == nil {
		fmt.Fprintln(stdout, answer)
	}
	return failed(stderr, err)
}

func failed(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "cpx-card:", err)
	if errors.Is(err, democard.ErrUnknownCard) || errors.Is(err, virtual.ErrUnknownType) || errors.Is(err, errUnknownKind) ||
		errors.Is(err, democard.ErrService) {
		return 2
	}
	return 1
}

func show(w io.Writer, dir string) error {
	cards, err := democard.Load(dir)
	if err != nil {
		return err
	}
	for _, c := range cards {
		fmt.Fprintf(w, "%-15s %-4s %-18s PIN %s  %s (%s)\n", c.Name, c.Kind, c.Label, c.PIN, c.Holder, c.Identifier)
	}
	conf, err := filepath.Abs(filepath.Join(dir, "softhsm2.conf"))
	fmt.Fprintf(w, "SOFTHSM2_CONF=%s\n", conf)
	return err
}
