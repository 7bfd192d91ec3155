package gate

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/localcert"
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
	ports  ports

	mu      sync.Mutex
	cert    *tls.Certificate
	why     error // why it is not served
	changed time.Time
}

// Pauses between two tries to get the key from a keyring that does not give it.
const (
	firstKeyPause = 30 * time.Second
	longKeyPause  = 10 * time.Minute
)

// followWSS serves until the gate ends, where the settings switch it on and from when there
// is a certificate, and takes a new one that was installed meanwhile.
func (s *serving) followWSS() {
	if s.wss == nil {
		return
	}
	changes := s.Changes(s.ctx)
	pause := firstKeyPause
	for s.ctx.Err() == nil {
		var retry <-chan time.Time
		if want := s.policy.Load().WSS; want.Enabled {
			err := s.wss.load(s.ctx)
			if err == nil && !s.wss.ports.within(want.First, want.Count) {
				err = s.listenWSS(want.First, want.Count)
			}
			s.outcome(err)
			switch until := s.wss.untilRenewal(s.Now()); {
			case err == nil && until > 0:
				retry = time.After(until)
			case err != nil && !errors.Is(err, localcert.ErrNotInstalled):
				retry = time.After(pause)
				pause = min(2*pause, longKeyPause)
			}
		} else if s.wss.off() {
			s.Changed()
		}
		s.wss.await(s.ctx, changes, retry, s.wssWanted)
	}
}

// listenWSS opens a port of the range, and then closes one that was open.
func (s *serving) listenWSS(first, count int) error {
	listeners, port, err := listen(first, count)
	if err != nil {
		return err
	}
	settings := &tls.Config{GetCertificate: s.wss.get, NextProtos: []string{"http/1.1"}} // WebSocket needs 1.1
	// The owner is looked up before a byte of TLS is read.
	stop := s.serve(listeners, func(l net.Listener) net.Listener { return tls.NewListener(l, settings) }, "wss", true)
	s.wss.ports.replace(listeners, port, stop)()
	return nil
}

// off closes the port and forgets the certificate, and reports whether there was any.
func (w *wss) off() bool {
	port, _ := w.ports.at()
	w.ports.replace(nil, 0, nil)()
	w.mu.Lock()
	defer w.mu.Unlock()
	was := port != 0 || w.why != nil
	w.cert, w.why, w.changed = nil, nil, time.Time{}
	return was
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

// await returns when the certificate's file has changed, the settings have, or it is time
// to try again.
func (w *wss) await(ctx context.Context, changes <-chan struct{}, retry <-chan time.Time, wanted <-chan struct{}) {
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
		case <-wanted:
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
	port, _ := g.wss.ports.at()
	return port
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
	_, at := g.wss.ports.at()
	g.wss.mu.Lock()
	defer g.wss.mu.Unlock()
	if g.wss.cert != nil && len(at) > 0 {
		state.Addresses = at
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
