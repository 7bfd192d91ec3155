// Package stack sets up a whole CPx Bridge on this machine: a demonstration
// card in a SoftHSM token, a portal with one account, and an agent whose
// settings allow exactly that portal. `make run`, `make demo` and the end-to-end
// tests use it.
//
// A Stack is for one caller at a time. It writes under one folder only, and never
// touches the person's own browser, trust stores and settings.
package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// The account of the demonstration, clearly marked TEST.
const (
	Username = "test.demonstration"
	Password = "Demonstration-TEST-2026"
	Display  = "Compte TEST de démonstration"
	Service  = "SERVICE TEST"
	Region   = "nouvelle-aquitaine"

	RegionName = "Nouvelle-Aquitaine" // as in the portal's sample of texts
)

// Options say what to set up. Dir and Bin are required.
type Options struct {
	Dir  string // for everything that is written; reused by later runs
	Bin  string // the folder of cpx-agent, cpx-portal, cpx-card and autopin
	Host string // empty: http://localhost; else https under this name

	Cards   []string          // as `cpx-card demo --card`; empty: one CPS
	AutoPIN map[string]any    // the script of a pinentry that answers; nil: the person's own pinentry
	Modules []string          // the agent's modules, for faults; nil: SoftHSM with the cards
	Extra   map[string]string // additional environment for all programs

	Settings  string // additional settings of the agent, whole tables
	AgentOnly bool   // without portal and account
	Ask       bool   // the agent's settings list no site, and let any site ask
	Others    bool   // the settings allow the portal, and let any other site ask
	Pinentry  string // the path of a dialog program, instead of AutoPIN; for faults

	// Proxied puts the portal behind a proxy of the caller's, which serves Origin
	// with portal.pem, valid for these names too, and forwards to Inner.
	Proxied []string
	// AgentPorts is the first of the agents' ports; 0 chooses free ones.
	AgentPorts int
	// AgentPortCount is how many there are; 0: 10.
	AgentPortCount int
	// Port is the portal's where it is free, else one of the next or any; 0 chooses a
	// free one.
	Port int
	// Bound makes the kernel end the programs with the thread that started them, where
	// it can: the caller locks its goroutine to a thread that lasts.
	Bound bool
}

// Card is one demonstration card as cpx-card describes it.
type Card struct {
	Name, Kind, Label, PIN, Identifier, Holder, Module string
}

// DialogLog is the file, under the stack's folder, in which an answering
// pinentry writes what it was asked.
const DialogLog = "dialogs.log"

// Stack is a stack that Prepare made.
type Stack struct {
	Origin string
	Inner  string // host and port of a portal behind a proxy
	Cards  []Card

	dir, bin       string
	host           string
	port           int
	agentPorts     int
	agentPortCount int
	extra          map[string]string
	pinentry       string
	softhsmConf    string
	bound          bool
}

// usualPortCount is the size of the demonstration agent's port range.
const usualPortCount = 10

// runtimeDir holds the lock and the control socket of the stack's agent, so that it
// never meets the person's own. Its name is short because a socket's path must be.
const runtimeDir = "r"

// Prepare makes card, settings and account. It starts nothing.
func Prepare(ctx context.Context, o Options) (*Stack, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	bin, err := filepath.Abs(o.Bin)
	if err != nil {
		return nil, err
	}
	s := &Stack{dir: dir, bin: bin, host: o.Host, extra: o.Extra, bound: o.Bound}
	for _, sub := range []string{"", "config", "state", "card", runtimeDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	s.softhsmConf = filepath.Join(dir, "card", "softhsm2.conf")
	if s.port, err = portalPort(o.Port); err != nil {
		return nil, err
	}
	if s.agentPorts = o.AgentPorts; s.agentPorts == 0 {
		if s.agentPorts, err = freePort(); err != nil {
			return nil, err
		}
	}
	if s.agentPortCount = o.AgentPortCount; s.agentPortCount == 0 {
		s.agentPortCount = usualPortCount
	}
	s.agentPorts = min(s.agentPorts, 65535-s.agentPortCount)
	s.Origin = "http://localhost:" + strconv.Itoa(s.port)
	if o.Host != "" {
		s.Origin = "https://" + net.JoinHostPort(o.Host, strconv.Itoa(s.port))
		if err := s.makeTLS(append([]string{o.Host}, o.Proxied...)); err != nil {
			return nil, err
		}
	}
	if o.Proxied != nil {
		inner, err := freePort()
		if err != nil {
			return nil, err
		}
		s.Inner = net.JoinHostPort("127.0.0.1", strconv.Itoa(inner))
	}
	if err := s.makeCards(ctx, o.Cards); err != nil {
		return nil, err
	}
	if o.AutoPIN != nil {
		if err := s.makeAutoPIN(o.AutoPIN); err != nil {
			return nil, err
		}
	}
	if o.Pinentry != "" {
		s.pinentry = o.Pinentry
	}
	modules := o.Modules
	if modules == nil {
		modules = []string{s.Cards[0].Module}
	}
	if err := s.writeAgentSettings(modules, o); err != nil {
		return nil, err
	}
	if o.AgentOnly {
		return s, nil
	}
	return s, s.makePortal(ctx)
}

func (s *Stack) makeCards(ctx context.Context, names []string) error {
	args := []string{"demo", "--dir", filepath.Join(s.dir, "card")}
	for _, name := range names {
		args = append(args, "--card", name)
	}
	if _, err := s.run(ctx, "", "cpx-card", args...); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "card", "cards.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &s.Cards); err != nil {
		return fmt.Errorf("cards.json: %w", err)
	}
	if len(s.Cards) == 0 {
		return errors.New("cpx-card made no card")
	}
	return nil
}

// makeAutoPIN puts the answering pinentry beside its script, where it reads it. The
// pinentry logs what it is asked in DialogLog.
func (s *Stack) makeAutoPIN(script map[string]any) error {
	program, err := os.ReadFile(filepath.Join(s.bin, "autopin"))
	if err != nil {
		return err
	}
	s.pinentry = filepath.Join(s.dir, "autopin")
	if err := errors.Join(os.RemoveAll(s.pinentry), os.WriteFile(s.pinentry, program, 0o700)); err != nil {
		return err
	}
	return s.Person(script)
}

// Person replaces the script of the answering pinentry.
func (s *Stack) Person(script map[string]any) error {
	if s.pinentry == "" {
		return errors.New("stack: no pinentry answers here: see Options.AutoPIN")
	}
	script = maps.Clone(script)
	script["log"] = s.Path(DialogLog)
	text, err := json.Marshal(script)
	if err != nil {
		return err
	}
	return errors.Join(
		os.RemoveAll(s.pinentry+".pins"), os.RemoveAll(s.pinentry+".confirms"), os.RemoveAll(s.Path(DialogLog)),
		os.WriteFile(s.pinentry+".json", text, 0o600),
	)
}

func (s *Stack) writeAgentSettings(modules []string, o Options) error {
	var b strings.Builder
	// The stack's state is new each time: the person's own desktop would be notified
	// each time that the agent is ready.
	fmt.Fprintf(&b, "modules = %s\nnotifications = false\n", tomlList(modules))
	if s.pinentry != "" {
		fmt.Fprintf(&b, "pinentry = %q\n", s.pinentry)
	}
	switch {
	case o.Ask:
		b.WriteString("\n[origins]\nmode = \"ask\"\n")
	case o.Others:
		fmt.Fprintf(&b, "\n[origins]\nmode = \"ask\"\nallow = %s\n", tomlList([]string{s.Origin}))
	default:
		fmt.Fprintf(&b, "\n[origins]\nmode = \"listed\"\nallow = %s\n", tomlList([]string{s.Origin}))
	}
	fmt.Fprintf(&b, "\n[ports]\nfirst = %d\ncount = %d\n", s.agentPorts, s.agentPortCount)
	b.WriteString("\n" + o.Settings)
	return os.WriteFile(s.Path("agent.toml"), []byte(b.String()), 0o600)
}

func tomlList(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// Path returns the full path of a file of the stack.
func (s *Stack) Path(name string) string { return filepath.Join(s.dir, name) }

// Dir returns the folder that holds everything.
func (s *Stack) Dir() string { return s.dir }

// set is what the environment of the stack's programs has of its own.
func (s *Stack) set() map[string]string {
	set := map[string]string{
		"SOFTHSM2_CONF":   s.softhsmConf,
		"XDG_CONFIG_HOME": s.Path("config"),
		"XDG_STATE_HOME":  s.Path("state"),
		"XDG_RUNTIME_DIR": s.Path(runtimeDir),
	}
	maps.Copy(set, desktop(os.Getenv))
	maps.Copy(set, s.extra)
	return set
}

// Env returns the environment of the stack's programs: the caller's own, with the
// settings, state, runtime and token folders under the stack's folder.
func (s *Stack) Env() []string {
	set := s.set()
	env := make([]string, 0, len(os.Environ())+len(set))
	for _, entry := range os.Environ() {
		key, _, _ := strings.Cut(entry, "=")
		if _, ours := set[key]; !ours {
			env = append(env, entry)
		}
	}
	for key, value := range set {
		env = append(env, key+"="+value)
	}
	return env
}

// StartPortal starts the portal and returns when it answers.
func (s *Stack) StartPortal(ctx context.Context) (*Process, error) {
	p, err := s.start(ctx, "cpx-portal", nil, "serve", "--config", s.Path("portal.toml"))
	if err != nil {
		return nil, err
	}
	return p, p.answering(ctx, s.portalAddress(), connects)
}

// portalAddress is the address that the portal listens on.
func (s *Stack) portalAddress() string {
	if s.Inner != "" {
		return s.Inner
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
}

// StartAgent starts the agent and returns when it answers. With terminal the
// agent may ask for the PIN on the caller's terminal.
func (s *Stack) StartAgent(ctx context.Context, terminal bool, more ...string) (*Process, error) {
	return s.startAgent(ctx, how{terminal: terminal}, more...)
}

// RestartAgent is StartAgent after an agent that has ended, whose log stays.
func (s *Stack) RestartAgent(ctx context.Context, terminal bool) (*Process, error) {
	return s.startAgent(ctx, how{terminal: terminal, anew: true})
}

func (s *Stack) startAgent(ctx context.Context, h how, more ...string) (*Process, error) {
	args := append([]string{"run", "--config", s.Path("agent.toml")}, more...)
	p, err := s.startWith(ctx, "cpx-agent", nil, h, args...)
	if err != nil {
		return nil, err
	}
	return p, p.answering(ctx, s.AgentAddress(), p.listens)
}

// AgentAddress returns the address that the stack's agent listens on.
func (s *Stack) AgentAddress() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.agentPorts))
}

// Command returns a command of one of the stack's programs, not started.
func (s *Stack) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Env = s.Env()
	return cmd
}
