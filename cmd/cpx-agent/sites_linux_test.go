package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// TestForgetWithoutTheBus: for a shell that reaches no keyring, as over ssh, the
// running agent forgets, and lists what remains.
func TestForgetWithoutTheBus(t *testing.T) {
	p := workstation.NewPerson(t, "")
	p.Keyring.Use()
	store := sites.New(sites.Options{Dir: filepath.Join(p.Keyring.Home, "state", "cpx-bridge")})
	const one, two, three = "https://un.example.fr", "https://deux.example.fr", "https://trois.example.fr"
	for _, origin := range []string{one, two, three} {
		if _, err := store.Add(t.Context(), origin); err != nil {
			t.Fatal(err)
		}
	}
	p.Starts()("msg=listening")
	withoutBus := func(args ...string) string {
		t.Helper()
		cmd := p.Command(append([]string{"sites"}, args...)...)
		cmd.Env = append(cmd.Env, "DBUS_SESSION_BUS_ADDRESS=disabled:")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v %s", args, err, out)
		}
		return string(out)
	}
	workstation.Contains(t, withoutBus("forget", one), "Oublié : "+one)
	var r struct {
		Sites   []sites.Site
		Problem string
	}
	if err := json.Unmarshal([]byte(withoutBus("--json", "forget", two)), &r); err != nil || len(r.Sites) != 1 || r.Sites[0].Origin != three || r.Problem != "" {
		t.Errorf("%+v %v", r, err)
	}
	if list, err := store.List(t.Context()); err != nil || len(list.Sites) != 1 {
		t.Errorf("%+v %v", list, err)
	}
}
