package portal

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// lastRequests is how long open requests have once the site has ended.
const lastRequests = 20 * time.Second

// Serve answers requests until ctx ends. Then the site says that it is not ready, goes on
// serving as long as the setting drain says, so that whatever spreads the requests has noticed,
// and gives open requests time to end.
func (p *Portal) Serve(ctx context.Context) error {
	protection := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.settings.TLSCert != "" {
		protection.Certificates = []tls.Certificate{p.pair}
	}
	l, err := p.listen("listen", p.settings.Listen)
	if err != nil {
		return err
	}
	defer l.Close()
	web := p.server(p.Handler())
	web.TLSConfig = protection
	ended := make(chan error, 2)
	stopMetrics, err := p.serveMetrics(ended)
	if err != nil {
		return err
	}
	p.log.Info("serving", "origin", p.settings.Origin, "listen", l.Addr().String())
	go func() {
		if p.settings.TLSCert != "" {
			ended <- web.ServeTLS(l, "", "")
			return
		}
		ended <- web.Serve(l)
	}()
	select {
	case err := <-ended:
		return errors.Join(err, web.Close(), stopMetrics(context.Background()))
	case <-ctx.Done():
	}
	p.metrics.Drain()
	if drain := time.Duration(p.settings.Drain); drain > 0 {
		p.log.Info("ending", "drain", drain)
		select {
		case err := <-ended:
			return err
		case <-time.After(drain):
		}
	}
	stop, cancel := context.WithTimeout(context.Background(), lastRequests)
	defer cancel()
	return errors.Join(web.Shutdown(stop), stopMetrics(stop))
}

// ListenError is an address of the settings that cannot be had now: another program has it, or
// the machine does not have it yet. It is no *settings.Error, because a start later may succeed.
type ListenError struct{ At, Err error }

func (e *ListenError) Error() string { return e.At.Error() }

// Unwrap is what the system said.
func (e *ListenError) Unwrap() error { return e.Err }

func (p *Portal) listen(key, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &ListenError{p.settings.Err(key, err.Error()), err}
	}
	return l, nil
}

// server answers with h, and bounds how long a request may take.
func (p *Portal) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
}

// serveMetrics serves metrics and health on an address of their own, where the settings have
// one, until stop; that it ended before is sent to ended.
func (p *Portal) serveMetrics(ended chan<- error) (stop func(ctx context.Context) error, err error) {
	if p.settings.Metrics == "" {
		return func(context.Context) error { return nil }, nil
	}
	l, err := p.listen("metrics", p.settings.Metrics)
	if err != nil {
		return nil, err
	}
	web := p.server(p.metrics.Handler())
	p.log.Info("serving metrics", "listen", l.Addr().String())
	go func() {
		if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			ended <- err
		}
	}()
	return web.Shutdown, nil
}
