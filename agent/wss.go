package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
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
// says why. A nil one is switched off.
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

func newWSS(o Options) *wss {
	if !o.Policy.WSS.Enabled || o.LocalCertificate == nil {
		return nil
	}
	return &wss{source: o.LocalCertificate}
}

// serveWSS serves until ctx ends, from when there is a certificate, and takes a
// new one that was installed meanwhile.
func (s *Server) serveWSS(ctx context.Context, web *http.Server) {
	if s.wss == nil {
		return
	}
	changes := s.changes.listen(ctx)
	pause := firstKeyPause
	for ctx.Err() == nil {
		err := s.wss.load(ctx)
		if err == nil && s.wss.listening() == 0 {
			err = s.listenWSS(ctx, web)
		}
		s.wss.tell(s, err)
		var retry <-chan time.Time
		switch until := s.wss.untilRenewal(s.now()); {
		case err == nil && until > 0:
			retry = time.After(until)
		case err != nil && !errors.Is(err, localcert.ErrNotInstalled):
			retry = time.After(pause)
			pause = min(2*pause, longKeyPause)
		}
		s.wss.await(ctx, changes, retry)
	}
}

func (s *Server) listenWSS(ctx context.Context, web *http.Server) error {
	listeners, port, err := listen(s.policy.WSS.First, s.policy.WSS.Count)
	if err != nil {
		return err
	}
	s.wss.mu.Lock()
	s.wss.port = port
	for _, l := range listeners {
		s.wss.at = append(s.wss.at, l.Addr().String())
	}
	s.wss.mu.Unlock()
	settings := &tls.Config{GetCertificate: s.wss.get, NextProtos: []string{"http/1.1"}} // WebSocket needs 1.1
	for _, l := range listeners {
		s.log.Info("listening", "address", l.Addr().String(), "wss", true)
		// The owner is looked up before a byte of TLS is read.
		go func() {
			if err := web.Serve(tls.NewListener(s.gated(ctx, l), settings)); err != nil && !errors.Is(err, http.ErrServerClosed) && ctx.Err() == nil {
				s.log.Error("wss ended", "error", err)
			}
		}()
	}
	return nil
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

// tell says once why there is no wss, and wakes who shows the state.
func (w *wss) tell(s *Server, err error) {
	w.mu.Lock()
	same := err == nil && w.why == nil || err != nil && w.why != nil && err.Error() == w.why.Error()
	w.why = err
	w.mu.Unlock()
	if err != nil && !same {
		s.log.Warn("no wss: `cpx-agent doctor` says what to do", "reason", err)
	}
	s.changes.tell()
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

// listening is the port, 0 where it is not served.
func (w *wss) listening() int {
	if w == nil {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.port
}

// served are the addresses at which a certificate is shown, or why none is, in
// words; neither while it is being read.
func (w *wss) served(lang string) (addresses []string, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cert != nil && len(w.at) > 0 {
		return slices.Clone(w.at), ""
	}
	if w.why != nil {
		why = localcert.Why(w.why, lang)
	}
	return nil, why
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

// renew tells that the certificate ends soon.
func (w *wss) renew(now time.Time) bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	expired, there := errors.Is(w.why, localcert.ErrExpired), w.cert != nil
	w.mu.Unlock()
	return expired || there && w.untilRenewal(now) <= 0
}

// WSSPort is the port of the encrypted socket, 0 where it is not served.
func (s *Server) WSSPort() int { return s.wss.listening() }

// plain is the connection below TLS.
func plain(c net.Conn) net.Conn {
	if t, ok := c.(*tls.Conn); ok {
		return t.NetConn()
	}
	return c
}
