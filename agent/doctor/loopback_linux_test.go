package doctor

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
)

// keys is a registry by the paths of its keys.
type keys map[string]map[string]any

func (k keys) key(path string) (values map[string]any, names []string, err error) {
	if _, bad := k[path]["unreadable"]; bad {
		return nil, nil, errors.New("TEST access denied")
	}
	exists := k[path] != nil
	for other := range k {
		if below, is := strings.CutPrefix(other, path+`\`); is {
			exists = true
			if name, _, _ := strings.Cut(below, `\`); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if !exists {
		return nil, nil, fs.ErrNotExist
	}
	return k[path], names, nil
}

const (
	citrixPolicy = `SOFTWARE\Policies\Citrix\TEST\VirtualIP` // wherever it is
	rdsPolicy    = `SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services\TSAppSrv\VirtualIP`
	rdsOwn       = `SYSTEM\CurrentControlSet\Control\Terminal Server\TSAppSrv\VirtualIP`
)

// TestVirtualLoopback: agent and browsers meet where none of them has a loopback address
// of its own, or none on the agent's ports; the advice is to take out all of them.
func TestVirtualLoopback(t *testing.T) {
	citrix := func(values map[string]any) keys { return keys{citrixPolicy: values} }
	for name, c := range map[string]struct {
		registry keys
		code     string
		outcome  Outcome
		has      string
	}{
		"none":                             {keys{}, "no_virtual_loopback", Good, ""},
		"Citrix, not on":                   {citrix(map[string]any{"VirtualLoopbackSupport": uint64(0), "VirtualLoopbackPrograms": []string{"chrome.exe"}}), "no_virtual_loopback", Good, ""},
		"others":                           {citrix(map[string]any{"VirtualLoopbackSupport": uint64(1), "VirtualLoopbackPrograms": []string{"crm.exe"}}), "virtual_loopback_others", Good, ""},
		"a browser":                        {citrix(map[string]any{"VirtualLoopbackSupport": "Enabled", "VirtualLoopbackPrograms": "crm.exe;Chrome.EXE"}), "virtual_loopback", Problem, "chrome.exe"},
		"the agent":                        {citrix(map[string]any{"VirtualLoopbackSupport": "1", "VirtualLoopbackPrograms": `["C:\\Program Files\\CPxBridge\\cpx-agentw.exe"]`}), "virtual_loopback", Problem, "cpx-agentw.exe"},
		"both":                             {citrix(map[string]any{"VirtualLoopbackSupport": uint64(1), "VirtualLoopbackPrograms": []string{"cpx-agent.exe", "firefox.exe"}}), "virtual_loopback", Problem, "cpx-agent.exe, firefox.exe"},
		"ports excluded":                   {citrix(map[string]any{"VirtualLoopbackSupport": uint64(1), "VirtualLoopbackPrograms": []string{"chrome.exe"}, "VirtualLoopbackPortExclusion": "443, 27720-27729"}), "virtual_loopback_excluded", Good, "27720-27729"},
		"a port is not":                    {citrix(map[string]any{"VirtualLoopbackSupport": uint64(1), "VirtualLoopbackPrograms": []string{"chrome.exe"}, "VirtualLoopbackPortExclusion": []string{"27720-27728"}}), "virtual_loopback", Problem, "chrome.exe"},
		"agent, excluded":                  {citrix(map[string]any{"VirtualLoopbackSupport": uint64(1), "VirtualLoopbackPrograms": []string{"cpx-agent.exe"}, "VirtualLoopbackPortExclusion": "1-65535"}), "virtual_loopback", Problem, "cpx-agent.exe"},
		"no list":                          {citrix(map[string]any{"VirtualLoopbackSupport": uint64(1)}), "virtual_loopback_on", Unknown, "Citrix"},
		"odd types":                        {citrix(map[string]any{"VirtualLoopbackSupport": []string{"1"}, "VirtualLoopbackPrograms": uint64(7), "VirtualLoopbackPorts": "x-y,9-1"}), "no_virtual_loopback", Good, ""},
		"a key closed":                     {keys{`SOFTWARE\Citrix\Secret`: {"unreadable": 1}, citrixPolicy: {"VirtualLoopbackSupport": uint64(1), "VirtualLoopbackPrograms": []string{"crm.exe"}}}, "virtual_loopback_others", Good, ""},
		"all closed":                       {keys{`SOFTWARE\Citrix`: {"unreadable": 1}}, "virtual_loopback_unknown", Unknown, "TEST access denied"},
		"Remote Desktop, not the loopback": {keys{rdsOwn: {"EnableVirtualIP": uint64(1), "VirtualMode": uint64(0)}}, "no_virtual_loopback", Good, ""},
		"each session":                     {keys{rdsOwn: {"EnableVirtualIP": uint64(1), "VirtualMode": uint64(0), "VirtualizeLoopbackAdresses": uint64(1)}}, "virtual_loopback_all", Problem, "Remote Desktop"},
		"each session but this":            {keys{rdsOwn: {"EnableVirtualIP": uint64(1), "VirtualMode": uint64(0), "VirtualizeLoopbackAdresses": uint64(1)}}, "virtual_loopback_elsewhere", Unknown, "Remote Desktop"},
		"by its policy":                    {keys{rdsPolicy: {"EnableVirtualIP": uint64(0)}, rdsOwn: {"EnableVirtualIP": uint64(1), "VirtualMode": uint64(0), "VirtualizeLoopbackAdresses": uint64(1)}}, "no_virtual_loopback", Good, ""},
		"each program":                     {keys{rdsPolicy: {"EnableVirtualIP": uint64(1), "VirtualMode": uint64(1), "PerApp": []string{`C:\Program Files\Google\Chrome\chrome.exe`}}, rdsOwn: {"VirtualizeLoopbackAdresses": uint64(1)}}, "virtual_loopback", Problem, "chrome.exe"},
		"list unknown":                     {keys{rdsOwn: {"EnableVirtualIP": uint64(1), "VirtualizeLoopbackAddresses": uint64(1)}}, "virtual_loopback_on", Unknown, "Remote Desktop"},
	} {
		texts := map[string]bool{}
		for _, lang := range []string{"en", "fr"} {
			o := healthy(t)
			o.Lang = lang
			o.VirtualLoopback = func() ([]VirtualLoopback, error) { return virtualLoopbacks(c.registry) }
			if c.code == "virtual_loopback_all" {
				o.Callers = func() error {
					return &peer.FoundError{Kind: peer.ErrVirtualLoopback, What: "127.1.2.3"}
				}
			}
			f := find(t, Run(t.Context(), o), c.code)
			if f.Outcome != c.outcome || lang == "en" && !strings.Contains(f.Text, c.has) || strings.Contains(f.Text+f.Next, "%!") || texts[f.Text] {
				t.Errorf("%s: %+v", name, f)
			}
			texts[f.Text] = true
			if advised := strings.Contains(f.Next, "cpx-agent.exe") && strings.Contains(f.Next, "cpx-agentw.exe"); advised == (f.Outcome == Good) && f.Code != "virtual_loopback_unknown" {
				t.Errorf("%s: %q", name, f.Next)
			}
		}
	}
}

// TestVirtualLoopbackElsewhere: a system without such settings has no such finding.
func TestVirtualLoopbackElsewhere(t *testing.T) {
	for _, f := range Run(t.Context(), healthy(t)).Findings {
		if f.Check == "loopback" {
			t.Errorf("%+v", f)
		}
	}
}

// TestCitrixSearchEnds: a key that has itself, as a link makes it, is not searched for ever.
func TestCitrixSearchEnds(t *testing.T) {
	if on, err := virtualLoopbacks(endless{}); err != nil || len(on) != 0 {
		t.Error(on, err)
	}
}

type endless struct{}

func (endless) key(path string) (map[string]any, []string, error) {
	return nil, []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}, nil
}

// TestPortLists: ranges are read once each, whatever is said how often.
func TestPortLists(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "80": 1, "80-80,80": 1, "1-3; 2-4": 4, "0-65535": 65536, strings.Repeat("0-65535,", 50): 65536,
		"3-1": 0, "-5": 0, "65536": 0, "1-99999": 0, "a-b": 0, "80-": 0, "1-2-3": 0,
	} {
		if got := ports(list(text)); len(got) != want {
			t.Errorf("%.40q: %d ports, want %d", text, len(got), want)
		}
	}
}
