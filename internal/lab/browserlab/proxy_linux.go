package browserlab

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// proxy is a proxy in front of a portal, on the portal's https address and, like a
// proxy configured without a redirect, on plain http. It also serves the pages that
// show the portal in a frame.
type proxy struct {
	origin string // the portal's
	outer  string // the origin of a page with the frame, on the same site
	other  string // the origin of one on another site
	plain  string // the portal's origin on plain http

	secure, open *http.Server

	mu     sync.Mutex
	change func(http.Header)
	frame  string // the frame's attributes
}

func newProxy(s *stack.Stack) (*proxy, error) {
	at, err := url.Parse(s.Origin)
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(s.Path("portal.pem"), s.Path("portal.key"))
	if err != nil {
		return nil, err
	}
	quiet := log.New(io.Discard, "", 0)
	p := &proxy{
		origin: s.Origin, outer: "https://" + net.JoinHostPort(outerHost, at.Port()), other: "https://" + net.JoinHostPort(otherHost, at.Port()),
	}
	pass := &httputil.ReverseProxy{
		// The portal must get the host name that the person opened.
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", s.Inner },
		ModifyResponse: func(r *http.Response) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.change != nil {
				p.change(r.Header)
			}
			return nil
		},
		ErrorLog: quiet,
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, _, _ := strings.Cut(r.Host, ":"); name != portalHost {
			p.around(w)
			return
		}
		pass.ServeHTTP(w, r)
	})
	p.secure = &http.Server{Handler: handler, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}, ErrorLog: quiet}
	p.open = &http.Server{Handler: handler, ErrorLog: quiet}
	secure, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", at.Port()))
	if err != nil {
		return nil, err
	}
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, secure.Close())
	}
	p.plain = fmt.Sprintf("http://%s:%d", portalHost, open.Addr().(*net.TCPAddr).Port)
	go func() { _ = p.secure.ServeTLS(secure, "", "") }()
	go func() { _ = p.open.Serve(open) }()
	return p, nil
}

// around serves the page with the frame.
func (p *proxy) around(w http.ResponseWriter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!doctype html><html lang="fr"><title>Intranet TEST</title><link rel="icon" href="data:,">
<p>Intranet TEST</p><iframe src="%s/" width="1100" height="720" %s></iframe>`, p.origin, p.frame)
}

// set sets the frame's attributes, and the change of the portal's headers.
func (p *proxy) set(frame string, change func(http.Header)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frame, p.change = frame, change
}

func (p *proxy) close() { _, _ = p.secure.Close(), p.open.Close() }

// replaced replaces a part of the portal's content security policy.
func replaced(old, with string) func(http.Header) {
	return func(h http.Header) {
		const name = "Content-Security-Policy"
		h.Set(name, strings.Replace(h.Get(name), old, with, 1))
	}
}

// allOf applies several changes.
func allOf(changes ...func(http.Header)) func(http.Header) {
	return func(h http.Header) {
		for _, change := range changes {
			change(h)
		}
	}
}

// forOtherSites changes the portal's cookies so that a browser accepts them in a
// frame of another site.
func forOtherSites(h http.Header) {
	for i, cookie := range h["Set-Cookie"] {
		h["Set-Cookie"][i] = strings.Replace(cookie, "SameSite=Lax", "SameSite=None; Partitioned", 1)
	}
}
