package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestQuit: the agent has ended once `quit` returns, also while a login waits for a PIN,
// whose page learns that the agent ends. Where none runs, that is good too.
func TestQuit(t *testing.T) {
	s := prepare(t, stack.Options{AgentOnly: true, AutoPIN: map[string]any{"pin": []string{"hang"}}})
	for lang, says := range map[string]string{french: "Aucun agent à vous n’est en marche.\n", english: "No agent of yours runs.\n"} {
		if got := finish(t, cpxAgent(t, s, lang, "quit")); got != (outcome{0, says, ""}) {
			t.Errorf("none runs: %+v", got)
		}
	}
	agent := first(t, s)
	p := open(t, s)
	if err := p.socket.WriteJSON(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "authenticate", "params": asks(t)}); err != nil {
		t.Fatal(err)
	}
	err := testdesktop.AwaitFile(t.Context(), s.Path(stack.DialogLog), func(text string) bool { return strings.Contains(text, "GETPIN") })
	if err != nil {
		t.Fatal(err)
	}
	children := programsOf(t, agent.PID()) // the dialog's, beside the module's
	if got := finish(t, cpxAgent(t, s, english, "quit")); got != (outcome{0, "CPx Bridge has ended.\n", ""}) {
		t.Errorf("%+v", got)
	}
	if runs(agent.PID()) {
		t.Error("it runs on")
	}
	var end *websocket.CloseError
	for a := (answer{}); end == nil; {
		if err := p.socket.ReadJSON(&a); err != nil && !errors.As(err, &end) {
			t.Fatal(err)
		}
		if a.Result != nil {
			t.Errorf("the page got %s", a.Result)
		}
	}
	if end.Code != websocket.CloseGoingAway {
		t.Errorf("the page: %v", end)
	}
	if len(children) < 2 {
		t.Errorf("a module's process and a dialog: %v", children)
	}
	for _, pid := range children {
		if runs(pid) {
			t.Errorf("process %d of it runs on", pid)
		}
	}
	if err := agent.Wait(); err != nil {
		t.Error(err)
	}
	if log := agentLog(t, s); strings.Count(log, "quit by the command line") != 1 || strings.Contains(log, "level=ERROR") || strings.Contains(log, "the person quit") {
		t.Errorf("%s", log)
	}
	first(t, s) // another one starts at once
	if got := finish(t, cpxAgent(t, s, french, "quit")); got != (outcome{0, "CPx Bridge est arrêté.\n", ""}) {
		t.Errorf("%+v", got)
	}
}

// programsOf are the processes that a process started.
func programsOf(t *testing.T, pid int) (children []int) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, word := range strings.Fields(string(text)) {
			var child int
			if json.Unmarshal([]byte(word), &child) == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// runs reports whether a process runs: not one that has ended and that its parent has not
// waited for.
func runs(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}
