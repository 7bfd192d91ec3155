package portalcluster

import (
	"bytes"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"time"
)

// newBalancer sends each request to an instance at random, whatever came before. Where none
// listens any more it takes another, because nothing of the request was sent.
func newBalancer(instances []*instance) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "portal"
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		Transport: &spread{instances, &http.Transport{MaxIdleConnsPerHost: 50, ResponseHeaderTimeout: 20 * time.Second}},
		ErrorLog:  log.New(io.Discard, "", 0),
	}
}

type spread struct {
	instances []*instance
	by        http.RoundTripper
}

// RoundTrip tries the instances in an order of chance.
func (s *spread) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	var failed error
	for _, n := range rand.Perm(len(s.instances)) {
		try := r.Clone(r.Context())
		try.URL.Host, try.Body = s.instances[n].listen, io.NopCloser(bytes.NewReader(body))
		answer, err := s.by.RoundTrip(try)
		if err == nil {
			return answer, nil
		}
		failed = errors.Join(failed, err)
		if dialled, is := errors.AsType[*net.OpError](err); !is || dialled.Op != "dial" {
			break
		}
	}
	return nil, failed
}
