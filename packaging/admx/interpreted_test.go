package main

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/grouppolicy"
)

// workstation is a registry that group policy writes and the agent reads.
type workstation interface {
	grouppolicy.Registry
	paths() policy.Paths
	// expanded is what a path of the settings means there.
	expanded(path string) string
	clear(t *testing.T)
}

// choice of values for a setting: what is entered, and what the agent is to read.
type entered struct{ value, meant any }

// tried are values that a setting takes, its bounds among them, and refused those that an
// editor does not take.
func tried(d *policy.Definition, at workstation) (accepted []entered, refused []any) {
	switch d.Kind {
	case policy.KindText:
		for _, value := range d.Values {
			accepted = append(accepted, entered{value, value})
		}
		return accepted, []any{"other", ""}
	case policy.KindNumber:
		most := d.Most
		if d.Name() == "first" {
			most -= 9 // the range has ten ports, and a last one: TestLastPort
		}
		for _, n := range []int64{d.Least, most, (d.Least + d.Most) / 2} {
			accepted = append(accepted, entered{int(n), int(n)})
		}
		return accepted, []any{int(d.Least) - 1, int(d.Most) + 1}
	case policy.KindDuration:
		for _, text := range []string{time.Duration(d.Least).String(), time.Duration(d.Most).String(), example(d)[0], "90s"} {
			span, _ := time.ParseDuration(text)
			accepted = append(accepted, entered{text, span})
		}
		return accepted, []any{"", strings.Repeat("1", 100)}
	case policy.KindPath:
		for _, path := range append(example(d), `C:\Cartes d’établissement\é.exe`) {
			accepted = append(accepted, entered{path, at.expanded(path)})
		}
		return accepted, []any{"", strings.Repeat("C", 2000)}
	case policy.KindPaths:
		long := `C:\` + strings.Repeat("a", 200) + `.dll`
		for _, paths := range [][]string{example(d), {`C:\b.dll`, `C:\a.dll`, long}} {
			var meant []string
			for _, path := range paths {
				meant = append(meant, at.expanded(path))
			}
			accepted = append(accepted, entered{paths, meant})
		}
	case policy.KindOrigins:
		var twelve []string
		for i := range 12 { // Windows sorts 10 before 2
			twelve = append(twelve, fmt.Sprintf("https://s%d.example.fr", 12-i))
		}
		accepted = []entered{{example(d), example(d)}, {twelve, twelve}, {[]string{"http://localhost:8080"}, []string{"http://localhost:8080"}}}
	}
	return accepted, nil
}

// interpreted sets every setting by the template to everything it may be, as group policy
// would, and reads it as the agent does.
func interpreted(t *testing.T, at workstation) {
	template := made(t)["cpx-bridge"]
	load := func() *policy.Effective {
		t.Helper()
		e, err := policy.Load(at.paths())
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	apply := func(operations []grouppolicy.Operation) {
		t.Helper()
		if err := grouppolicy.Apply(at, operations); err != nil {
			t.Fatal(err)
		}
	}
	at.clear(t)
	untouched := load()
	if untouched.Managed() {
		t.Fatal("there is a policy already")
	}
	for _, d := range policy.Definitions() {
		t.Run(d.Key, func(t *testing.T) {
			at.clear(t)
			p := template.Policy(codeOf(&d))
			if d.Kind == policy.KindSwitch {
				on, err := p.Enabled(nil)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range []struct {
					operations []grouppolicy.Operation
					want       bool
				}{{on, true}, {p.Disabled(), false}} {
					apply(c.operations)
					expect(t, load(), untouched, d.Key, c.want)
				}
				return
			}
			accepted, refused := tried(&d, at)
			for _, c := range accepted {
				operations, err := p.Enabled(map[string]any{p.Name: c.value})
				if err != nil {
					t.Errorf("%v: %v", c.value, err)
					continue
				}
				apply(operations)
				expect(t, load(), untouched, d.Key, c.meant)
			}
			for _, value := range append(refused, nil) {
				if _, err := p.Enabled(map[string]any{p.Name: value}); !errors.Is(err, grouppolicy.ErrRefused) && (value != nil || !d.Kind.List()) {
					t.Errorf("an editor takes %v: %v", value, err)
				}
			}
			apply(p.Disabled())
			for i, shown := range load().Describe() {
				if was := untouched.Describe()[i]; shown.Value != was.Value {
					t.Errorf("disabled, %s is %s, not %s", shown.Key, shown.Value, was.Value)
				}
			}
		})
	}
}

// expect: the setting has the value, by the machine's policy, and no other has changed.
func expect(t *testing.T, got, untouched *policy.Effective, key string, want any) {
	t.Helper()
	for i, shown := range got.Describe() {
		value := untouched.Describe()[i].Value
		if shown.Key == key {
			value = policy.Show(want)
			if !got.Fixed(key) || !got.Managed() {
				t.Errorf("%s is not the policy's", key)
			}
		}
		if shown.Value != value {
			t.Errorf("%s is %s from %s, want %s", shown.Key, shown.Value, shown.From, value)
		}
	}
}

// TestWhole: a whole policy as a hospital has it, then one site less, then all of it taken
// back: a list holds nothing of before.
func TestWhole(t *testing.T) {
	at := newMemory()
	template := made(t)["cpx-bridge"]
	enable := func(name string, value any) {
		t.Helper()
		operations, err := template.Policy(name).Enabled(map[string]any{name: value})
		if err != nil {
			t.Fatal(err)
		}
		if err := grouppolicy.Apply(at, operations); err != nil {
			t.Fatal(err)
		}
	}
	enable("origins_mode", "listed")
	enable("origins_allow", []string{"https://a.example.fr", "https://b.example.fr", "https://c.example.fr"})
	enable("ports_count", 40)
	enable("origins_allow", []string{"https://c.example.fr"})
	e, err := policy.Load(at.paths())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(e.Origins.Allow, []string{"https://c.example.fr"}) || e.Origins.Mode != policy.ModeListed || e.Ports.Count != 40 {
		t.Errorf("%+v", e.Settings)
	}
	if e.Decide("https://a.example.fr") == policy.Allowed {
		t.Error("a site that was taken out is allowed")
	}
	for _, p := range template.Policies {
		if err := grouppolicy.Apply(at, p.Disabled()); err != nil {
			t.Fatal(err)
		}
	}
	if e, err = policy.Load(at.paths()); err != nil || e.Origins.Mode != policy.ModeAsk || len(e.Origins.Allow) > 0 {
		t.Errorf("disabled: %v, %+v", err, e)
	}
}

// TestLastPort: two policies bound one range, which the template cannot say: each takes its
// bounds, and the agent refuses what both together are not.
func TestLastPort(t *testing.T) {
	template := made(t)["cpx-bridge"]
	for _, count := range []int{1, 2} {
		at := newMemory()
		for name, value := range map[string]int{"ports_first": 65535, "ports_count": count} {
			operations, err := template.Policy(name).Enabled(map[string]any{name: value})
			if err != nil {
				t.Fatal(err)
			}
			if err := grouppolicy.Apply(at, operations); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := policy.Load(at.paths()); (err == nil) != (count == 1) {
			t.Errorf("%d ports from 65535 on: %v", count, err)
		}
	}
}

// TestExamples: what the explanations give as an example is accepted by the setting, also where
// an editor would not check it.
func TestExamples(t *testing.T) {
	for _, d := range policy.Definitions() {
		if reflect.DeepEqual(example(&d), []string{""}) && d.Kind != policy.KindText {
			t.Errorf("%s has no example", d.Key)
		}
	}
	interpreted(t, newMemory())
}
