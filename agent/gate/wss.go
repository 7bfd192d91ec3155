package gate

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/localcert"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
)

// LocalCertificate is what the encrypted socket serves with; *localcert.Store is
// one.
type LocalCertificate interface {
	Certificate(ctx context.Context) (tls.Certificate, error)
	File() string // replaced when there is another certificate
}

// wss is the socket for the browser that needs an encrypted one. Nothing else
// waits for it: without a certificate, or a keyring, it is not there, and the log
// says why. A Gate without one has it switched off.
type wss struct {
	source LocalCertificate

	mu      sync.Mutex
	cert    *tls.Certificate
	port    int
	at      []string // its addresses
	why     error    // why it is not served
	changed time.Time
}

// Pauses between two tries to get the key from a keyring that does not give it.
const (
	firstKeyPause = 30 * time.Second
	longKeyPause  = 10 * time.Minute
)

// serveWSS serves until ctx ends, from when there is a certificate, and takes a
// new one that was installed meanwhile. A listener that fails for good ends the
// gate.
func (g *Gate) serveWSS(ctx context.Context, web *http.Server, running *sync.WaitGroup, end context.CancelCauseFunc) {
	if g.wss == nil {
		return
	}
	changes := g.Changes(ctx)
	pause := firstKeyPause
	for ctx.Err() == nil {
		err := g.wss.load(ctx)
		if err == nil && g.WSSPort() == 0 {
			err = g.listenWSS(ctx, web, running, end)
		}
		g.outcome(err)
		var retry <-chan time.Time
		switch until := g.wss.untilRenewal(g.Now()); {
		case err == nil && until > 0:
			retry = time.After(until)
		case err != nil && !errors.Is(err, localcert.ErrNotInstalled):
			retry = time.After(pause)
			pause = min(2*pause, longKeyPause)
		}
		g.wss.await(ctx, changes, retry)
	}
}

// listenWSS counts what it starts in running.
func (g *Gate) listenWSS(ctx context.Context, web *http.Server, running *sync.WaitGroup, end context.CancelCauseFunc) error {
	listeners, port, err := listen(g.Policy.WSS.First, g.Policy.WSS.Count)
	if err != nil {
		return err
	}
	g.wss.mu.Lock()
	g.wss.port, g.wss.at = port, addresses(listeners)
	g.wss.mu.Unlock()
	settings := &tls.Config{GetCertificate: g.wss.get, NextProtos: []string{"http/1.1"}} // WebSocket needs 1.1
	for _, l := range listeners {
		g.Logger.Info("listening", "address", l.Addr().String(), "wss", true, audit.Agent)
		// The owner is looked up before a byte of TLS is read.
		running.Go(func() { end(web.Serve(tls.NewListener(g.accepting(ctx, l), settings))) })
	}
	return nil
}

// outcome says once why there is no wss, and notifies who shows the state.
func (g *Gate) outcome(err error) {
	w := g.wss
	w.mu.Lock()
	same := err == nil && w.why == nil || err != nil && w.why != nil && err.Error() == w.why.Error()
	w.why = err
	w.mu.Unlock()
	if err != nil && !same {
		g.Logger.Warn("no wss: `cpx-agent doctor` says what to do", "reason", err)
	}
	g.Changed()
}

func (w *wss) load(ctx context.Context) error {
	changed := w.fileTime()
	cert, err := w.source.Certificate(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = changed
	switch {
	case err == nil:
		w.cert = &cert
	case errors.Is(err, localcert.ErrNotInstalled):
		w.cert = nil // taken back
	}
	return err
}

func (w *wss) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cert == nil {
		return nil, localcert.ErrNotInstalled
	}
	return w.cert, nil
}

// await returns when the certificate's file has changed, or it is time to try
// again.
func (w *wss) await(ctx context.Context, changes <-chan struct{}, retry <-chan time.Time) {
	for {
		select {
		case <-changes:
			w.mu.Lock()
			seen := w.changed
			w.mu.Unlock()
			if !w.fileTime().Equal(seen) {
				return
			}
		case <-retry:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (w *wss) fileTime() time.Time {
	info, err := os.Stat(w.source.File())
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// WSSPort is the port of the encrypted socket, 0 where it is not served.
func (g *Gate) WSSPort() int {
	if g.wss == nil {
		return 0
	}
	g.wss.mu.Lock()
	defer g.wss.mu.Unlock()
	return g.wss.port
}

// WSS is how the encrypted socket does.
type WSS struct {
	Addresses []string // at which a certificate is shown
	Err       error    // why there are none, or nil; of package localcert
	Renew     bool     // the certificate ends soon
}

// WSS never waits. It is the zero value where the encrypted socket is switched
// off, or its certificate is being read.
func (g *Gate) WSS() WSS {
	if g.wss == nil {
		return WSS{}
	}
	state := WSS{Renew: g.wss.renew(g.Now())}
	g.wss.mu.Lock()
	defer g.wss.mu.Unlock()
	if g.wss.cert != nil && len(g.wss.at) > 0 {
		state.Addresses = slices.Clone(g.wss.at)
	} else {
		state.Err = g.wss.why
	}
	return state
}

// untilRenewal is how long nobody has to be asked for a new certificate.
func (w *wss) untilRenewal(now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cert == nil {
		return 0
	}
	return w.cert.Leaf.NotAfter.Add(-localcert.Renewal).Sub(now)
}

// renew reports that the certificate ends soon, or has ended.
func (w *wss) renew(now time.Time) bool {
	w.mu.Lock()
	expired, there := errors.Is(w.why, localcert.ErrExpired), w.cert != nil
	w.mu.Unlock()
	return expired || there && w.untilRenewal(now) <= 0
}
