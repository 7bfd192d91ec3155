// Command cpx-card makes demonstration CPx cards, for people without one.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/democard"
)

// version is set by the build.
var version = "dev"

const usage = `Usage: cpx-card COMMAND [OPTIONS]

  demo  --dir DIR [--card NAME]... [--all]   make demonstration cards in SoftHSM tokens under DIR
  renew --dir DIR --card NAME [--new-ca]     new keys and certificates, same identifier
  list  --dir DIR                            the cards of DIR
  version

A program uses the cards with SOFTHSM2_CONF=DIR/softhsm2.conf.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// names collects --card.
type names []string

func (n *names) String() string { return fmt.Sprint(*n) }

func (n *names) Set(value string) error {
	*n = append(*n, value)
	return nil
}

func run(args []string, stdout, stderr io.Writer) int {
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
	if err := set.Parse(args[1:]); err != nil {
		return misused(err.Error())
	}
	if set.NArg() > 0 {
		return misused(fmt.Sprintf("unexpected %q", set.Arg(0)))
	}
	command := args[0]
	switch command {
	case "version":
		fmt.Fprintln(stdout, "cpx-card", version)
		return 0
	case "help", "--help", "-h":
		fmt.Fprint(stdout, usage)
		return 0
	case "demo", "renew", "list":
	default:
		return misused(fmt.Sprintf("unknown command %q", command))
	}
	if *dir == "" {
		return misused("--dir is missing")
	}
	var err error
	switch command {
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
	if err != nil {
		fmt.Fprintln(stderr, "cpx-card:", err)
		if errors.Is(err, democard.ErrUnknownCard) {
			return 2
		}
		return 1
	}
	return 0
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
