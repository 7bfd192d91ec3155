package command

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
)

// examine looks at the workstation. A running agent is left alone.
func examine(ctx context.Context, p settings, asJSON, identity bool, stdout, stderr io.Writer) int {
	dir, err := agent.StateDir()
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	}
	r := doctor.Run(ctx, doctor.Options{
		Policy: p.Effective, Lang: language(p, stderr), Agent: p.program.Version, StateDir: dir, Identity: identity, Display: p.program.Display,
		Cards: func(ctx context.Context) (agent.CardReport, error) {
			c, err := look(ctx, p, true, io.Discard)
			return c.CardReport, err
		},
		Answers: func(ctx context.Context) (agent.Report, error) {
			ctx, cancel := context.WithTimeout(ctx, askLimit)
			defer cancel()
			return remote.Desk(ctx, dir)
		},
		Autostart: func() (bool, string, string, error) {
			s, err := autostart.Get()
			return s.Enabled, s.Where, s.Missing, err
		},
	})
	if !asJSON {
		printReport(stdout, r)
	} else if !printDoctorJSON(r, stdout, stderr) {
		return exitProblem
	}
	if r.Outcome == doctor.Problem {
		return exitProblem
	}
	return exitGood
}

func printDoctorJSON(r doctor.Report, stdout, stderr io.Writer) bool {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return false
	}
	fmt.Fprintln(stdout, string(text))
	return true
}

// badSettings is the report where settings stop everything else: who collects
// reports gets one from every workstation.
func badSettings(p settings, o options, err error, stdout, stderr io.Writer) {
	p.Effective = &policy.Effective{}
	printDoctorJSON(doctor.BadSettings(err, language(p, stderr), p.program.Version, o.whole), stdout, stderr)
}

func printReport(w io.Writer, r doctor.Report) {
	marks := map[doctor.Outcome]string{doctor.Good: "✓", doctor.Notice: "!", doctor.Problem: "✗", doctor.Unknown: "?"}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s %s\n", marks[f.Outcome], agent.Printable(f.Text))
		if f.Next != "" {
			fmt.Fprintf(w, "    → %s\n", agent.Printable(f.Next))
		}
	}
}
