// Command cpx-portal is the reference portal: login by CPx card.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/cpx-bridge/cpx-bridge/portal/commandline"
)

// version is set by the build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := commandline.Program{Version: version}.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
