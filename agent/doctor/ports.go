package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// Socket is a program that listens on one of our ports.
type Socket struct {
	Port    int
	Own     bool   // the person's own, on Windows in the same session
	Account string // whose it is, as the system numbers accounts; "": not known
	Session string // of Windows, by its number; "": not known
	Program string // its path, or of a closed process its file's name; "" where unknown
	PID     int
}

// ErrNoSockets says that this system does not reveal who listens.
var ErrNoSockets = errors.New("doctor: this system does not tell who holds a port")

func (d *doctor) agent(ctx context.Context) []Finding {
	return slices.Concat(d.withoutStart(d.agents(ctx)), d.replaced(), d.pausedSites())
}

// replaced says that the running agent is not the program that is installed. Its subject is
// the version that runs, for programs.
func (d *doctor) replaced() []Finding {
	r, err := d.running()
	if err != nil || r.Replaced == nil {
		return nil
	}
	f := Finding{Code: "agent_replaced", Subject: r.Version, Outcome: Notice, Next: d.Text("doctor.agent_replaced_next")}
	switch version := r.Replaced.Short(); {
	case r.Replaced.Removed:
		f.Code, f.Text, f.Next = "agent_removed", d.Text("doctor.agent_removed", r.Version), d.Text("doctor.agent_removed_next")
	case version == "" || version == r.Version:
		f.Text = d.Text("doctor.agent_replaced", r.Version)
	default:
		f.Text = d.Text("doctor.agent_version_replaced", version, r.Version)
	}
	return []Finding{f}
}

// pausedSites says that the running agent asks nobody about sites that are not allowed:
// a person may wonder why a login at one of them does not begin.
func (d *doctor) pausedSites() []Finding {
	r, err := d.running()
	if err != nil || r.UnknownSitesPaused.IsZero() {
		return nil
	}
	return []Finding{{Code: "sites_paused", Outcome: Notice, Text: r.PauseText(d.Lang), Next: d.Text("state.sites_paused_next")}}
}

func (d *doctor) agents(ctx context.Context) []Finding {
	plain, wss := d.ports()
	sockets, err := d.Sockets(slices.Concat(plain, wss))
	if err != nil {
		return append(d.withoutPorts(ctx), Finding{Code: "ports_unknown", Outcome: Unknown, Text: d.portsUnknown(err)})
	}
	d.nameClosed(sockets)
	slices.SortStableFunc(sockets, func(a, b Socket) int { return cmp.Compare(a.Port, b.Port) })
	running := slices.ContainsFunc(sockets, func(s Socket) bool { return ours(s) && slices.Contains(plain, s.Port) })
	var report state.State
	if running && d.Answers != nil {
		report, err = d.running()
	}
	var found []Finding
	serves := false // wss
	seen := map[Socket]bool{}
	used := map[int]bool{} // the plain ports
	for _, s := range sockets {
		if seen[s] { // 127.0.0.1 and ::1, of which another user may hold one
			continue
		}
		seen[s] = true
		isPlain := slices.Contains(plain, s.Port)
		if isPlain {
			used[s.Port] = true
		}
		if ours(s) && !isPlain {
			if report.WSSFailure != nil { // it listens, but has no certificate
				continue
			}
			serves = true
		}
		found = append(found, d.socket(ctx, s, isPlain))
	}
	found = d.grouped(found)
	switch {
	case running && err != nil:
		found = append(found, d.silent(err))
	case running && d.Policy.WSS.Enabled && !serves:
		found = append(found, d.noWSS(report))
	case running:
	case len(used) == len(plain):
		found = append(found, Finding{Code: "no_free_port", Outcome: Problem, Text: d.Text("doctor.no_free_port", plain[0], plain[len(plain)-1]), Next: d.Text("doctor.more_ports")})
	case d.allReserved(plain, used):
		found = append(found, Finding{Code: "ports_reserved", Outcome: Problem, Text: d.Text("doctor.ports_reserved", d.portNames()),
			Next: d.Text("doctor.ports_reserved_next", plain[0], len(plain))})
	default:
		found = append(found, Finding{Code: "no_agent", Outcome: Problem, Text: d.Text("doctor.no_agent"), Next: d.HowToStart()})
	}
	return found
}

// ports are those on which the agent may serve. Where the settings are bad they are the
// usual ones and those of a running agent, which started with others.
func (d *doctor) ports() (plain, wss []int) {
	plain = portRange(d.Policy.Ports.First, d.Policy.Ports.Count)
	if d.Policy.WSS.Enabled {
		wss = portRange(d.Policy.WSS.First, d.Policy.WSS.Count)
	}
	if r, err := d.running(); d.SettingsErr != nil && err == nil {
		plain, wss = union(plain, r.Addresses), union(wss, r.WSS)
	}
	return plain, wss
}

// union adds the ports of addresses.
func union(ports []int, addresses []string) []int {
	for _, address := range addresses {
		if _, port, err := net.SplitHostPort(address); err == nil {
			if n, err := strconv.Atoi(port); err == nil && !slices.Contains(ports, n) {
				ports = append(ports, n)
			}
		}
	}
	return ports
}

// allReserved reports that the system gives no port that nobody holds: Windows keeps
// whole ranges back, which no list of sockets shows. It holds each for a moment, so that it is
// asked only where no agent runs.
func (d *doctor) allReserved(plain []int, used map[int]bool) bool {
	return d.Reserved != nil && !slices.ContainsFunc(plain, func(p int) bool { return !used[p] && !d.Reserved(p) })
}

// Process is an agent of this account that is closed to other programs.
type Process struct {
	Program string // its path
	PID     int
	Session string // its desktop session, as the system numbers them; "": not known
}

// nameClosed completes the sockets whose program cannot be seen: an agent is closed to
// other programs of its person (internal/nodump), and has to say itself which sockets are
// its own. Those of one that does not answer are told by its name. An agent of another desktop
// session of this account is not the person's own here.
func (d *doctor) nameClosed(sockets []Socket) {
	if !slices.ContainsFunc(sockets, Socket.unseen) {
		return
	}
	r, err := d.running()
	agents := d.Closed()
	elsewhere := slices.DeleteFunc(slices.Clone(agents), func(p Process) bool { return err == nil && p.PID == r.PID })
	d.several = err == nil && len(elsewhere) > 0
	for i, s := range sockets {
		switch {
		case !s.unseen():
		case err == nil && serves(r, s.Port):
			sockets[i].Own, sockets[i].Program, sockets[i].PID = true, r.Program, r.PID
		case !s.Own || len(elsewhere) == 0:
		case err == nil, errors.Is(err, control.ErrNoAgent) && d.OtherSession():
			sockets[i].Own, sockets[i].Program = false, elsewhere[0].Program
			if len(elsewhere) == 1 {
				sockets[i].PID, sockets[i].Session = elsewhere[0].PID, elsewhere[0].Session
			}
		default:
			sockets[i].Program, sockets[i].PID = agents[0].Program, agents[0].PID
		}
	}
}

// serves reports whether an agent says that it listens on a port.
func serves(r state.State, port int) bool {
	return slices.ContainsFunc(slices.Concat(r.Addresses, r.WSS), func(address string) bool {
		_, number, err := net.SplitHostPort(address)
		return err == nil && number == strconv.Itoa(port)
	})
}

// severalPorts is from how many on the ports of other people are one finding: on a terminal
// server there are dozens, and nothing is wrong with any.
const severalPorts = 3

// grouped makes one finding of the ports that the agents of others hold, and one of those that
// others hold nobody knows with what.
func (d *doctor) grouped(found []Finding) (list []Finding) {
	several := map[string][]Finding{}
	for _, f := range found {
		several[f.Code] = append(several[f.Code], f)
	}
	for _, f := range found {
		same := several[f.Code]
		text := map[string]texts.Key{"port_other_agent": "doctor.ports_of_other_agents", "port_other_user": "doctor.ports_of_other_users"}[f.Code]
		switch {
		case text == "" || len(same) < severalPorts:
			list = append(list, f)
		case f == same[0]:
			last := same[len(same)-1].Subject
			list = append(list, Finding{Code: f.Code, Outcome: f.Outcome, Subject: f.Subject + "-" + last, Text: d.Text(text, len(same), f.Subject, last)})
		}
	}
	return list
}

// unseen reports a socket of the person's, or of nobody knows whom, without its program.
func (s Socket) unseen() bool {
	return s.Program == "" && s.PID == 0 && (s.Own || s.Account == "")
}

// silent reports an agent that runs and does not answer with its state. Ending it is
// advised only where it was reached and hangs: where it cannot be reached from here,
// as with a runtime folder other than its own, nothing is wrong with it.
func (d *doctor) silent(err error) Finding {
	if errors.Is(err, &control.Error{Code: control.CodeStarting}) {
		return Finding{Code: "agent_starting", Outcome: Unknown, Text: d.Text("doctor.agent_starting"), Next: d.Text("doctor.ask_again")}
	}
	if !errors.Is(err, control.ErrNoAnswer) {
		return Finding{Code: "agent_not_asked", Outcome: Unknown, Text: d.Text(d.key("doctor.agent_not_asked", "doctor.agent_not_asked_windows")), Next: d.Text(d.key("doctor.ask_in_session", "doctor.ask_in_session_windows"))}
	}
	return Finding{Code: "agent_silent", Outcome: Problem, Text: d.Text("doctor.agent_silent"), Next: d.Text("doctor.restart_agent")}
}

// noWSS reports an agent that does not serve wss although the settings enable it: it
// says why, or started before they did.
func (d *doctor) noWSS(r state.State) Finding {
	why, next := "", d.Text("doctor.start_anew")
	if r.WSSFailure != nil {
		why, next = r.WSSFailure.WSSText(d.Lang), ""
	}
	return Finding{Code: "agent_no_wss", Outcome: Problem, Text: strings.TrimSpace(d.Text("doctor.agent_no_wss", why)), Next: next}
}

// withoutPorts asks the agent itself, where the system does not reveal who listens.
func (d *doctor) withoutPorts(ctx context.Context) []Finding {
	if d.Answers == nil {
		return nil
	}
	r, err := d.running()
	switch {
	case errors.Is(err, control.ErrNoAgent):
		return []Finding{{Code: "no_agent", Outcome: Problem, Text: d.Text("doctor.no_agent"), Next: d.HowToStart()}}
	case err != nil:
		return []Finding{d.silent(err)}
	}
	found := []Finding{{Code: "agent_answers", Outcome: Good, Text: d.Text("doctor.agent_answers", strings.Join(r.Addresses, ", "))}}
	for _, address := range r.Addresses {
		if err := d.Dial(ctx, address); err != nil {
			found = []Finding{d.deaf(address)}
			break
		}
	}
	switch {
	case len(r.WSS) > 0:
		found = append(found, Finding{Code: "agent_serves_wss", Outcome: Good, Text: d.Text("doctor.agent_wss_at", strings.Join(r.WSS, ", "))})
	case d.Policy.WSS.Enabled:
		found = append(found, d.noWSS(r))
	}
	return found
}

func (d *doctor) portsUnknown(err error) string {
	if errors.Is(err, ErrNoSockets) {
		return d.Text("doctor.ports_unknown") + "."
	}
	return fmt.Sprintf("%s (%v).", d.Text("doctor.ports_unknown"), err)
}

func portRange(first, count int) (ports []int) {
	for p := first; p < first+count; p++ {
		ports = append(ports, p)
	}
	return ports
}

// deleted is what Linux appends to the path of a program whose file was removed, as
// by an upgrade.
const deleted = " (deleted)"

// ours reports whether a socket is that of the person's own agent.
func ours(s Socket) bool {
	name := strings.TrimSuffix(s.Program, deleted)
	self, err := os.Executable()
	return s.Own && (isAgent(name) || err == nil && name == self)
}

// isAgent reports whether a program bears the agent's name, whose it ever is. Windows has
// two such programs, with and without a console.
func isAgent(program string) bool {
	name := program[strings.LastIndexAny(program, `/\`)+1:]
	return name == "cpx-agent" || slices.ContainsFunc(agentPrograms, func(a string) bool { return strings.EqualFold(a, name) })
}

// agentPrograms are the agent's programs on Windows.
var agentPrograms = []string{"cpx-agent.exe", "cpx-agentw.exe"}

// deaf reports an agent that listens on an address and answers nobody there,
// whatever its menu shows.
func (d *doctor) deaf(address string) Finding {
	return Finding{Code: "agent_deaf", Subject: address, Outcome: Problem, Text: d.Text("doctor.agent_deaf", address), Next: d.Text("doctor.restart_agent")}
}

// dialLimit is enough for an agent on a slow machine.
const dialLimit = 5 * time.Second

// dial requests the agent's page, as a person's browser does.
func dial(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return err
	}
	// No proxy, and no connection that stays open.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	var in *url.Error
	if errors.As(err, &in) {
		return in.Err // the caller adds the address
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

func (d *doctor) socket(ctx context.Context, s Socket, plain bool) Finding {
	f := Finding{Subject: strconv.Itoa(s.Port), Outcome: Good}
	switch {
	case ours(s) && plain:
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
		// Beside another of this account's it answers nobody whose session it cannot read,
		// and this program is closed to it. It has answered on its control socket.
		if !d.several {
			if err := d.Dial(ctx, address); err != nil {
				return d.deaf(address)
			}
		}
		f.Code, f.Text = "agent_runs", d.Text("doctor.agent_runs", s.Port)
	case ours(s):
		f.Code, f.Text = "agent_serves_wss", d.Text("doctor.agent_wss", s.Port)
	case s.Own && s.Program != "":
		f.Code, f.Outcome, f.Text, f.Next = "port_taken", Problem, d.Text("doctor.port_held", s.Port, s.Program, s.PID), d.Text("doctor.port_held_next")
	case s.Own:
		f.Code, f.Outcome, f.Text = "port_taken_unknown", Unknown, d.Text("doctor.port_held_unnamed", s.Port)
	case s.Program == "":
		// On a terminal server each person has an agent; a foreign program looks the same.
		f.Code, f.Outcome, f.Text = "port_other_user", Unknown, d.Text("doctor.port_of_other_user", s.Port, d.holder(s))
	case isAgent(s.Program):
		f.Code, f.Text = "port_other_agent", d.Text("doctor.port_of_other_agent", s.Port, d.holder(s))
	default:
		f.Code, f.Outcome = "port_other_program", Problem
		f.Text, f.Next = d.Text("doctor.port_of_other_program", s.Port, s.Program, s.PID, d.holder(s)), d.Text("doctor.port_of_other_program_next")
	}
	return f
}

// holder is whose a socket is, as far as that can be read: another account's process is
// closed to this one on Windows, but not its session.
func (d *doctor) holder(s Socket) string {
	who := d.Text("doctor.account_closed")
	switch {
	case s.Account == "":
	case d.ofEverybody() && !d.Identity && !isService(s.Account): // an inventory leaves the workstation
		who = d.Text("doctor.other_account")
	default:
		who = d.Text("doctor.account", d.account(s.Account))
	}
	if s.Session == "" {
		return who
	}
	return who + ", " + d.Text("doctor.session", s.Session)
}

// account is an account by its number, or by its name where that is no person's, as of
// Windows' own services, or may be shown.
func (d *doctor) account(number string) string {
	if d.Identity || isService(number) {
		if u, err := user.LookupId(number); err == nil {
			return visible.Text(u.Username)
		}
	}
	return number
}

// isService reports an account of Windows' own services.
func isService(number string) bool {
	return strings.HasPrefix(number, "S-1-5-") && !strings.HasPrefix(number, "S-1-5-21-")
}
