package windowslab

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
)

// The states of a login that rows act at.
const (
	awaitingConsent = "waiting-for-consent"
	awaitingCard    = "waiting-for-card"
	awaitingPIN     = "waiting-for-pin"
	signing         = "signing"
)

// client is who asks for a token.
type client struct {
	name string
	// command is the client's, for a page of an origin and a nonce.
	command func(w *World, origin, nonce string) *exec.Cmd
}

var (
	byNode = client{"Node", func(w *World, origin, nonce string) *exec.Cmd {
		return w.windows.Command(nodeProgram, nodeScript, agentPort, origin, nonce)
	}}
	byOurs = client{"our client", func(w *World, origin, nonce string) *exec.Cmd {
		return w.windows.Command(clientProgram, agentPort, origin, nonce)
	}}
	byOursIPv6 = client{"our client, IPv6", func(w *World, origin, nonce string) *exec.Cmd {
		return w.windows.Command(clientProgram, agentPort, origin, nonce, "::1")
	}}
	byWSS = client{"our client, wss", func(w *World, origin, nonce string) *exec.Cmd {
		return w.windows.Command(clientProgram, "27820", origin, nonce, "wss://localhost")
	}}
	byOther = client{"a client of another Windows", func(w *World, origin, nonce string) *exec.Cmd {
		return w.other.Command(clientProgram, agentPort, origin, nonce)
	}}
	byLinux = client{"a Linux process", func(w *World, origin, nonce string) *exec.Cmd {
		return w.windows.Inside(w.linux, agentPort, origin, nonce)
	}}
)

// message is a line of a client.
type message struct {
	Event  string // open, refused, closed; "" for the agent's own messages
	Status int
	Text   string

	Method string
	Params struct{ State string }
	Result json.RawMessage
	Error  *struct {
		Code int
		Data struct{ Reason, Detail string }
	}
}

// page is a client that runs.
type page struct {
	w       *World
	printed *output
	cmd     *exec.Cmd
	nonce   string
	origin  string
	mark    int
	// algorithm is of the token that it got, and version of the agent that made it.
	algorithm, version string
}

// open starts a client. Its output is a file, which Node needs in wine.
func (w *World) open(c client, origin string) *page {
	w.t.Helper()
	p := &page{w: w, printed: newOutput(), nonce: authtoken.NewNonce(), origin: origin}
	p.cmd = c.command(w, origin, p.nonce)
	path := filepath.Join(w.t.TempDir(), "client.out")
	out, err := os.Create(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer out.Close()
	read, err := os.Open(path)
	if err != nil {
		w.t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(ended) }() // its answer says how it went
	go func() { p.printed.follow(read, ended); _ = read.Close() }()
	return p
}

// end reads what comes until the answer, and calls at's functions at the states, once
// each. It returns "ok" for a token that a portal takes, else the reason of the error,
// with its detail, "refused", "closed", or what went wrong.
func (p *page) end(at map[string]func()) string {
	for {
		line, after, ok := p.printed.next(p.mark, 3*patience, func(line string) bool { return strings.HasPrefix(line, "{") })
		if !ok {
			if p.printed.over() {
				return "client gone"
			}
			_ = p.cmd.Process.Kill()
			return "no answer; the client printed: " + p.printed.tail(10)
		}
		p.mark = after
		var m message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			return fmt.Sprintf("%v: %s", err, line)
		}
		switch {
		case m.Event == "refused" && m.Status != 0:
			return fmt.Sprint("refused ", m.Status)
		case m.Event == "refused" || m.Event == "closed":
			p.w.t.Logf("the client: %s %s", m.Event, m.Text)
			return m.Event
		case m.Method == "progress":
			if do := at[m.Params.State]; do != nil {
				delete(at, m.Params.State)
				do()
			}
		case m.Error != nil:
			return strings.TrimSpace(m.Error.Data.Reason + " " + m.Error.Data.Detail)
		case m.Result != nil:
			if err := p.verify(m.Result); err != nil {
				return "a token that no portal takes: " + err.Error()
			}
			return "ok"
		}
	}
}

// login is a whole request.
func (w *World) login(c client, at map[string]func()) string {
	w.t.Helper()
	return w.open(c, Site).end(at)
}

// verify verifies a token as a portal does, on this system, against the demonstration's
// authorities.
func (p *page) verify(token []byte) error {
	pki := p.w.pki
	v, err := authtoken.NewVerifier(authtoken.Config{
		Origin: p.origin, Revocation: authtoken.RevocationOff,
		Profile: authtoken.Profile{AllowTestCards: true, TrustGroups: []authtoken.TrustGroup{{
			Name: "demonstration", Test: true, Roots: []*x509.Certificate{pki.Root.Cert}, Intermediates: []*x509.Certificate{pki.Intermediate.Cert},
		}}},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	result, err := v.Verify(ctx, token, p.nonce)
	var signed struct{ Algorithm, AppVersion string }
	if err == nil {
		err = json.Unmarshal(token, &signed)
	}
	p.algorithm, p.version = signed.Algorithm, signed.AppVersion
	if err == nil && !result.Test {
		err = fmt.Errorf("the certificate of %s is no demonstration's", result.Certificate.Subject)
	}
	return err
}
