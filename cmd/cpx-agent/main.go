// Command cpx-agent is the agent on a workstation: it sits in the tray, opens
// the CPx card and signs the challenge of the portals that are allowed.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/cpx-bridge/cpx-bridge/agent/command"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt/window"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/gtk"
	"github.com/cpx-bridge/cpx-bridge/internal/nodump"
	"github.com/cpx-bridge/cpx-bridge/internal/programfile"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/tray"
)

// stamp is set by the build: the version, so that it can be read from this program's file.
var stamp string

var version = programfile.Version(stamp, "dev")

func main() {
	// Before anything is read, and in each role: a program that this one starts does not
	// inherit it. What fails here is logged where an agent begins to serve.
	_ = nodump.Set()
	pkcs11.RunChildRole()
	_ = nodump.Libraries("", false)
	tray.RunChildRole()
	window.RunChildRole()
	runDisplayRole()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	args, supervised := role.SupervisedAgent.Asked(1, mostArguments)
	if supervised {
		os.Exit(role.ExitOnPurpose(program().Run(ctx, args, os.Stdout, os.Stderr)))
	}
	os.Exit(program().Run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// mostArguments are more than a supervisor gives its agent.
const mostArguments = 8

func program() command.Program {
	return command.Program{
		System:  system(),
		Version: version, Toolkit: missingToolkit, Display: tray.Available, DisplayAnswers: displayAnswers, Serve: serve, Failed: failed(), Say: say, Desktop: desktop(), Icons: tray.ThemeIcons,
		Standard: [3]*os.File{os.Stdin, os.Stdout, os.Stderr},
	}
}

// missingToolkit returns what keeps the toolkit from being loaded, "" where it is.
func missingToolkit(panel bool) string {
	if missing, is := errors.AsType[*gtk.MissingError](gtk.Load(panel)); is {
		return missing.What
	}
	return ""
}

// say shows a text in a window of our own. Where none can be shown, nothing is said.
func say(ctx context.Context, lang, text string) {
	_ = prompt.New(prompt.Options{Window: window.Command()}).Show(ctx, lang, state.Name, text)
}
