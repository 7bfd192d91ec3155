package windowslab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/jsonschema"
)

// pryingProgram is another program of the same person, which means no good.
const pryingProgram = `C:\cpx\prying.exe`

// closed are the rows about what other programs of the same person may do to the agent,
// and what doctor says of them.
func closed() []Row {
	return []Row{
		{Name: "another program may not look into its processes", card: cps3, settings: allowed, want: []string{"closed"}, play: (*World).pries},
		{Name: "doctor names the agent and another's port", card: cps3, settings: allowed, want: []string{"ok"}, play: (*World).names},
		{Name: "doctor names a virtual loopback", card: cps3, settings: allowed, want: []string{"ok"}, play: (*World).virtualLoopback},
	}
}

// pries tries each right on each of the agent's processes: its own and a module's at
// least.
func (w *World) pries() string {
	install(w.t, buildGo(w.t, "windows", "amd64", "./internal/lab/windowslab/prying"), w.file(pryingProgram))
	if !w.moduleRuns() {
		return "no module's process"
	}
	cmd := w.windows.Command(pryingProgram, "cpx-agent.exe")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return err.Error()
	}
	processes := 0
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var t struct {
			PID  int      `json:"pid"`
			Self bool     `json:"self"`
			Open []string `json:"open"`
			Ways int      `json:"ways"`
		}
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			return err.Error()
		}
		switch {
		case t.Self && len(t.Open) != t.Ways:
			return fmt.Sprintf("an open process has %q: nothing is shown", t.Open)
		case !t.Self && len(t.Open) > 0:
			return fmt.Sprintf("process %d is open to %q", t.PID, t.Open)
		case !t.Self:
			processes++
		}
	}
	if processes < 2 {
		return fmt.Sprintf("%d of the agent's processes were found", processes)
	}
	return "closed"
}

// names has another program hold a port of the agent's, and reads whom doctor names.
func (w *World) names() string {
	install(w.t, buildGo(w.t, "windows", "amd64", "./internal/lab/windowslab/prying"), w.file(pryingProgram))
	holder := w.windows.Command(pryingProgram, "-listen", "27721")
	in, err := holder.StdinPipe()
	if err != nil {
		return err.Error()
	}
	printed := newOutput()
	holder.Stdout, holder.Stderr = printed, printed
	if err := holder.Start(); err != nil {
		return err.Error()
	}
	defer func() { _ = in.Close(); _ = holder.Wait() }()
	if _, _, ok := printed.next(0, patience, func(line string) bool { return strings.TrimSpace(line) == "listening" }); !ok {
		return "the port is not held: " + printed.tail(5)
	}
	return w.finds(
		want{"agent_runs", doctor.Good, agentPort}, want{"callers_known", doctor.Good, ""},
		want{"port_taken", doctor.Problem, pryingProgram})
}

// virtualLoopback sets what Citrix sets for a browser, in the registry.
func (w *World) virtualLoopback() string {
	const key = `HKLM\SOFTWARE\Policies\Citrix\TEST\VirtualIP`
	for _, value := range [][]string{{"VirtualLoopbackSupport", "REG_DWORD", "1"}, {"VirtualLoopbackPrograms", "REG_MULTI_SZ", `crm.exe\0chrome.exe`}} {
		if out, err := w.windows.Command("reg", "add", key, "/v", value[0], "/t", value[1], "/d", value[2], "/f").CombinedOutput(); err != nil {
			return fmt.Sprintf("%v: %s", err, out)
		}
	}
	got := w.finds(want{"virtual_loopback", doctor.Problem, "chrome.exe"})
	if out, err := w.windows.Command("reg", "delete", `HKLM\SOFTWARE\Policies\Citrix`, "/f").CombinedOutput(); err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	if without := w.finds(want{"no_virtual_loopback", doctor.Good, ""}); without != "ok" {
		return got + ", and without it " + without
	}
	return got
}

// want is a finding of doctor's with part of its text.
type want struct {
	code    string
	outcome doctor.Outcome
	has     string
}

// finds runs doctor, and is "ok" where it finds all of these.
func (w *World) finds(all ...want) string {
	text, _ := w.command("doctor", "--json", "--config", configPath)
	var r doctor.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return fmt.Sprintf("%v in %q", err, text)
	}
	if err := jsonschema.Check(doctor.Schema(), []byte(text)); err != nil {
		return err.Error()
	}
	for _, f := range all {
		if !slices.ContainsFunc(r.Findings, func(found doctor.Finding) bool {
			return found.Code == f.code && found.Outcome == f.outcome && strings.Contains(found.Text, f.has)
		}) {
			return fmt.Sprintf("no %+v in %+v", f, r.Findings)
		}
	}
	return "ok"
}
