package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// VirtualLoopback is a setting of a terminal server that gives programs of each session
// a loopback address of their own in place of 127.0.0.1: a browser with one and an agent
// without it, or the other way round, never meet.
type VirtualLoopback struct {
	Product  string   // citrix, remote_desktop
	All      bool     // every program of a session has one
	Programs []string // which have one, by path or file name; nil: that is not known
	Ports    []int    // on which nobody has one
}

// registry reads keys below HKEY_LOCAL_MACHINE.
type registry interface {
	// key returns the values of a key by their names, each a number, a string or several
	// strings, and the names of the keys in it. Where there is no such key the error is
	// fs.ErrNotExist.
	key(path string) (values map[string]any, keys []string, err error)
}

// virtualLoopbacks are the ones that are switched on, as far as the registry says.
func virtualLoopbacks(r registry) ([]VirtualLoopback, error) {
	var on []VirtualLoopback
	citrix, citrixErr := citrixLoopback(r)
	if citrix != nil {
		on = append(on, *citrix)
	}
	desktop, desktopErr := remoteDesktopLoopback(r)
	if desktop != nil {
		on = append(on, *desktop)
	}
	return on, errors.Join(citrixErr, desktopErr)
}

// The keys in which Citrix' policy settings are looked for. Where below them they stand
// is not documented, and not the same for each version, so they are looked for by their
// names.
var citrixKeys = []string{`SOFTWARE\Policies\Citrix`, `SOFTWARE\Citrix`}

// Bounds of the search below those keys.
const (
	maxDepth = 6
	maxKeys  = 5000
)

// citrixLoopback reads the settings “Virtual IP loopback support”, “Virtual IP virtual
// loopback programs list” and “Virtual IP loopback port exclusion”
// (docs.citrix.com, Citrix Virtual Apps and Desktops, “Virtual IP policy settings”), by
// their names in Citrix' own tools (VirtualLoopbackSupport, VirtualLoopbackPrograms in
// the documentation of its Terraform provider).
func citrixLoopback(r registry) (*VirtualLoopback, error) {
	on := false
	found := VirtualLoopback{Product: "citrix"}
	keys := 0
	var search func(path string, depth int) error
	search = func(path string, depth int) error {
		if keys++; keys > maxKeys || depth > maxDepth {
			return nil
		}
		values, names, err := r.key(path)
		if errors.Is(err, fs.ErrNotExist) || err != nil && depth > 0 { // one that may not be read says nothing
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for name, value := range values {
			switch name = strings.ToLower(name); {
			case name == "virtualloopbacksupport":
				on = on || enabled(value)
			case name == "virtualloopbackprograms":
				found.Programs = append(found.Programs, list(value)...)
			case strings.HasPrefix(name, "virtualloopback") && strings.Contains(name, "port"):
				found.Ports = append(found.Ports, ports(list(value))...)
			}
		}
		for _, name := range names {
			if err := search(path+`\`+name, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	for _, path := range citrixKeys {
		if err := search(path, 0); err != nil {
			return nil, err
		}
	}
	if !on {
		return nil, nil
	}
	slices.Sort(found.Programs)
	found.Programs = slices.Compact(found.Programs)
	return &found, nil
}

// Where Remote Desktop Services has its settings, those of group policy first: the home
// of Win32_TSVirtualIP (learn.microsoft.com, “Win32_TSVirtualIP class”, ClassContext).
var virtualIPKeys = []string{
	`SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services\TSAppSrv\VirtualIP`,
	`SYSTEM\CurrentControlSet\Control\Terminal Server\TSAppSrv\VirtualIP`,
}

// remoteDesktopLoopback reads whether IP virtualization is on (VirtualIPActive), for
// whom (VirtualIPMode: 0 each session, 1 each program; ProgramList), and for the loopback
// too (VirtualizeLoopbackAddressesEnabled). The names are those of the values, one of
// which the service spells with one d.
func remoteDesktopLoopback(r registry) (*VirtualLoopback, error) {
	settings := map[string]any{}
	for _, path := range virtualIPKeys {
		values, _, err := r.key(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for name, value := range values {
			if name = strings.ToLower(name); settings[name] == nil {
				settings[name] = value
			}
		}
	}
	loopback := cmp.Or(settings["virtualizeloopbackadresses"], settings["virtualizeloopbackaddresses"])
	if !enabled(settings["enablevirtualip"]) || !enabled(loopback) {
		return nil, nil
	}
	mode, known := settings["virtualmode"]
	return &VirtualLoopback{Product: "remote_desktop", All: known && !enabled(mode), Programs: list(settings["perapp"])}, nil
}

// enabled reads a switch, as a number or as text.
func enabled(value any) bool {
	switch v := value.(type) {
	case uint64:
		return v != 0
	case string:
		return slices.Contains([]string{"1", "true", "yes", "enabled"}, strings.ToLower(strings.TrimSpace(v)))
	}
	return false
}

// list reads several strings, which may stand in one, with commas or semicolons, or as a
// JSON array.
func list(value any) (entries []string) {
	switch v := value.(type) {
	case []string:
		entries = v
	case string:
		if json.Unmarshal([]byte(v), &entries) != nil {
			entries = strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(",;\r\n", r) })
		}
	}
	var list []string
	for _, e := range entries {
		if e = strings.Trim(strings.TrimSpace(e), `"`); e != "" {
			list = append(list, e)
		}
	}
	return list
}

// maxEntries bounds what is read of a list of ports.
const maxEntries = 1000

// ports reads ports and ranges of them, each port once.
func ports(entries []string) (list []int) {
	seen := map[uint64]bool{}
	for _, e := range entries[:min(len(entries), maxEntries)] {
		first, last, isRange := strings.Cut(e, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
		to, err2 := strconv.ParseUint(strings.TrimSpace(last), 10, 16)
		for p := from; err1 == nil && err2 == nil && p <= to; p++ {
			if !seen[p] {
				seen[p] = true
				list = append(list, int(p))
			}
		}
	}
	return list
}

// browserPrograms are the browsers that can reach the agent, by their files.
var browserPrograms = []string{"msedge.exe", "chrome.exe", "firefox.exe", "brave.exe", "opera.exe", "vivaldi.exe"}

// loopback reports whether a terminal server keeps browsers and agent apart.
func (d *doctor) loopback(context.Context) []Finding {
	all, err := d.VirtualLoopback()
	if err != nil {
		return []Finding{{Code: "virtual_loopback_unknown", Outcome: Unknown, Text: d.Text("doctor.virtual_loopback_unknown", err)}}
	}
	if len(all) == 0 {
		return []Finding{{Code: "no_virtual_loopback", Outcome: Good, Text: d.Text("doctor.virtual_loopback_none")}}
	}
	var found []Finding
	for _, v := range all {
		found = append(found, d.virtualLoopback(v))
	}
	return found
}

func (d *doctor) virtualLoopback(v VirtualLoopback) Finding {
	product, next := texts.Key("doctor.citrix"), d.Text("doctor.citrix_next", d.portNames())
	if v.Product != "citrix" {
		product, next = "doctor.remote_desktop", d.Text("doctor.remote_desktop_next")
	}
	name := d.Text(product)
	agents, browsers := among(v.Programs, agentPrograms), among(v.Programs, browserPrograms)
	f := Finding{Subject: v.Product, Outcome: Problem, Next: next}
	switch listed := slices.Concat(agents, browsers); {
	case v.All && d.callersErr() == nil: // this process has none: administrators' sessions are left as they are
		f.Code, f.Outcome, f.Text = "virtual_loopback_elsewhere", Unknown, d.Text("doctor.virtual_loopback_elsewhere", name)
	case v.All:
		f.Code, f.Text = "virtual_loopback_all", d.Text("doctor.virtual_loopback_all", name)
	case v.Programs == nil:
		f.Code, f.Outcome, f.Text = "virtual_loopback_on", Unknown, d.Text("doctor.virtual_loopback_on", name)
	case len(listed) == 0:
		f.Code, f.Outcome, f.Text, f.Next = "virtual_loopback_others", Good, d.Text("doctor.virtual_loopback_others", name), ""
	case len(agents) == 0 && d.excluded(v.Ports):
		f.Code, f.Outcome, f.Text, f.Next = "virtual_loopback_excluded", Good, d.Text("doctor.virtual_loopback_excluded", name, d.portNames()), ""
	default:
		f.Code, f.Text = "virtual_loopback", d.Text("doctor.virtual_loopback_listed", name, strings.Join(listed, ", "))
	}
	return f
}

// among are those of the programs that a list has, by path or file name.
func among(list, programs []string) (found []string) {
	for _, p := range programs {
		if slices.ContainsFunc(list, func(e string) bool { return strings.EqualFold(e[strings.LastIndexAny(e, `/\`)+1:], p) }) {
			found = append(found, p)
		}
	}
	return found
}

// excluded reports whether all of the agent's ports are among those.
func (d *doctor) excluded(among []int) bool {
	return !slices.ContainsFunc(d.allPorts(), func(p int) bool { return !slices.Contains(among, p) })
}

// allPorts are those of the settings, with those of wss where it is enabled.
func (d *doctor) allPorts() []int {
	all := portRange(d.Policy.Ports.First, d.Policy.Ports.Count)
	if d.Policy.WSS.Enabled {
		all = append(all, portRange(d.Policy.WSS.First, d.Policy.WSS.Count)...)
	}
	return all
}

// portNames are the same, as ranges for people.
func (d *doctor) portNames() string {
	names := fmt.Sprintf("%d-%d", d.Policy.Ports.First, d.Policy.Ports.First+d.Policy.Ports.Count-1)
	if d.Policy.WSS.Enabled {
		names += fmt.Sprintf(", %d-%d", d.Policy.WSS.First, d.Policy.WSS.First+d.Policy.WSS.Count-1)
	}
	return names
}
