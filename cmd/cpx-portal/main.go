// Command cpx-portal is the reference portal: login by CPx card.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/cpx-bridge/cpx-bridge/portal"
)

// version is set by the build.
var version = "dev"

const usage = `Usage: cpx-portal COMMAND [OPTIONS]

  serve    --config FILE
  user add --config FILE --name LOGIN --display NAME --service SERVICE [--region ID]
           the password, of at least 10 characters, is read from standard input
  version
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	misused := func(what string) int {
		fmt.Fprintf(stderr, "cpx-portal: %s\n\n%s", what, usage)
		return 2
	}
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	if command == "user" && len(args) > 0 {
		command, args = command+" "+args[0], args[1:]
	}
	var n portal.NewAccount
	set := flag.NewFlagSet("cpx-portal", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	config := set.String("config", "", "")
	if command == "user add" {
		set.StringVar(&n.Name, "name", "", "")
		set.StringVar(&n.Display, "display", "", "")
		set.StringVar(&n.Service, "service", "", "")
		set.StringVar(&n.Region, "region", "", "")
	}
	if err := set.Parse(args); err != nil {
		return misused(err.Error())
	}
	switch {
	case set.NArg() > 0:
		return misused(fmt.Sprintf("unexpected %q", set.Arg(0)))
	case command == "version" || command == "--version":
		fmt.Fprintln(stdout, "cpx-portal", version)
		return 0
	case command == "help" || command == "--help" || command == "-h":
		fmt.Fprint(stdout, usage)
		return 0
	case command != "serve" && command != "user add":
		return misused(fmt.Sprintf("unknown command %q", command))
	case *config == "":
		return misused("--config is missing")
	}
	err := do(ctx, command, *config, n, stdin, stdout, stderr)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "cpx-portal:", err)
	var bad *portal.SettingsError
	if errors.As(err, &bad) {
		return 2
	}
	return 1
}

func do(ctx context.Context, command, config string, n portal.NewAccount, stdin io.Reader, stdout, stderr io.Writer) error {
	settings, err := portal.LoadSettings(config)
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if command != "serve" {
		level = slog.LevelError
	}
	p, err := portal.New(ctx, settings, portal.Options{Logger: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))})
	if err != nil {
		return err
	}
	defer p.Close()
	if command == "serve" {
		return p.Serve(ctx)
	}
	if n.Password, err = password(stdin, stderr); err != nil {
		return err
	}
	if err := p.AddAccount(ctx, n); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "The account %q can log in.\n", n.Name)
	return nil
}

// password reads one line, without echo where a person types it.
func password(stdin io.Reader, stderr io.Writer) (string, error) {
	if f, ok := stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(stderr, "Password: ")
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(stderr)
		return string(text), err
	}
	line, err := bufio.NewReader(stdin).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}
