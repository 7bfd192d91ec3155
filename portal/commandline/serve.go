package commandline

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/cpx-bridge/cpx-bridge/portal"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
)

func (i *invocation) serveCommand() *cobra.Command {
	return i.command("serve --config FILE", "serve the site", "Serves the site until it is interrupted.", func(ctx context.Context, _ []string) error {
		read, err := settings.Load(i.config)
		if err != nil {
			return err
		}
		p, err := portal.New(ctx, read, portal.Options{Logger: slog.New(slog.NewTextHandler(i.stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))})
		if err != nil {
			return err
		}
		defer p.Close()
		return p.Serve(ctx)
	})
}
