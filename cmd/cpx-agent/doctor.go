package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/autostart"
	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
	"github.com/cpx-bridge/cpx-bridge/tray"
)

// examine looks at the workstation. A running agent is left alone.
func examine(ctx context.Context, p *policy.Effective, asJSON, identity bool, stdout, stderr io.Writer) int {
	dir, err := agent.StateDir()
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	r := doctor.Run(ctx, doctor.Options{
		Policy: p, Lang: language(p, stderr), Agent: version, StateDir: dir, Identity: identity, Display: tray.Available,
		Cards: func(ctx context.Context) (agent.CardReport, error) {
			c, err := look(ctx, p, io.Discard)
			return c.CardReport, err
		},
		Answers: func(ctx context.Context) (agent.Report, error) {
			ctx, cancel := context.WithTimeout(ctx, askLimit)
			defer cancel()
			return remote.State(ctx, dir, false)
		},
		Autostart: func() (bool, string, string, error) {
			s, err := autostart.Get()
			return s.Enabled, s.Where, s.Missing, err
		},
	})
	if asJSON {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			fmt.Fprintln(stderr, "cpx-agent:", err)
			return exitProblem
		}
		fmt.Fprintln(stdout, string(text))
	} else {
		printReport(stdout, r)
	}
	if r.Outcome == doctor.Problem {
		return exitProblem
	}
	return exitGood
}

func printReport(w io.Writer, r doctor.Report) {
	marks := map[doctor.Outcome]string{doctor.Good: "✓", doctor.Problem: "✗", doctor.Unknown: "?"}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s %s\n", marks[f.Outcome], agent.Printable(f.Text))
		if f.Next != "" {
			fmt.Fprintf(w, "    → %s\n", agent.Printable(f.Next))
		}
	}
}
