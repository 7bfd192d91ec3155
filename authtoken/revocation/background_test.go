package revocation

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// inside answers requests without a network, for time that passes in a bubble.
type inside struct{ http.Handler }

func (i inside) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	i.ServeHTTP(recorder, r)
	answer := recorder.Result()
	answer.Request = r
	return answer, nil
}

// TestFetchedAhead: while nobody logs in, lists are fetched long before their end, and when
// Refresh says so; a card that is revoked meanwhile is refused without the network.
func TestFetchedAhead(t *testing.T) {
	for name, c := range map[string]struct {
		refresh, validity time.Duration
		within            time.Duration // after which a revocation is known
	}{
		"by Refresh":      {10 * time.Minute, 24 * time.Hour, 10 * time.Minute},
		"by its validity": {time.Hour, 2 * time.Hour, 30 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { fetchedAhead(t, c.refresh, c.validity, c.within) })
		})
	}
}

func fetchedAhead(t *testing.T, refresh, validity, within time.Duration) {
	now := time.Now()
	pki, err := demopki.NewServed(now, demopki.Services{CRL: []string{"http://crl.example.fr/root.crl"}}, demopki.Services{CRL: []string{"http://crl.example.fr/ca.crl"}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, pki: pki, now: now}
	chain := w.card()
	var revoked atomic.Pointer[x509.RevocationList]
	revoked.Store(listOf())
	var asked atomic.Int64
	handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		by, l := pki.Root, *listOf()
		if r.URL.Path == "/ca.crl" {
			asked.Add(1)
			by, l = pki.Intermediate, *revoked.Load()
		}
		l.ThisUpdate, l.NextUpdate = time.Now(), time.Now().Add(validity)
		body(w.list(by, &l))(rw, r)
	})
	o, err := Options{Refresh: refresh}.complete()
	if err != nil {
		t.Fatal(err)
	}
	c := w.checker(func(options *Options) { *options = o })
	c.fetch.client.Transport = inside{handler}
	if err := c.Check(t.Context(), chain, now); err != nil {
		t.Fatal(err)
	}
	before := asked.Load()
	time.Sleep(3 * validity)
	synctest.Wait()
	if n := asked.Load() - before; n < int64(3*validity/within) || n > int64(2*3*validity/within) {
		t.Errorf("fetched %d times in %s", n, 3*validity)
	}
	revoked.Store(listOf(chain[0]))
	time.Sleep(within)
	synctest.Wait()
	before = asked.Load()
	if err := c.Check(t.Context(), chain, time.Now()); !errors.Is(err, authtoken.ErrRevoked) {
		t.Errorf("after %s: %v", within, err)
	}
	if n := asked.Load() - before; n != 0 {
		t.Errorf("the login fetched %d times", n)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestNotModified: a server that says that nothing has changed is asked with what it said,
// and its list is not read anew.
func TestNotModified(t *testing.T) {
	w := newWorld(t)
	chain := w.card()
	good := w.list(w.pki.Intermediate, listOf())
	var conditional atomic.Int64
	w.set("/ca.crl", func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"one"` && r.Header.Get("If-Modified-Since") == "Sat, 29 Nov 2025 12:00:00 GMT" {
			conditional.Add(1)
			rw.WriteHeader(http.StatusNotModified)
			return
		}
		rw.Header().Set("ETag", `"one"`)
		rw.Header().Set("Last-Modified", "Sat, 29 Nov 2025 12:00:00 GMT")
		_, _ = rw.Write(good)
	})
	folder, err := NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := w.checker(func(o *Options) { o.Store = folder })
	if err := c.Check(t.Context(), chain, w.now); err != nil {
		t.Fatal(err)
	}
	w.refreshed(c, "/ca.crl", false)
	if conditional.Load() != 1 {
		t.Error("not asked with what the server said")
	}
	stored, err := folder.Load(t.Context(), w.at("/ca.crl"), "")
	if err != nil || stored.ETag != `"one"` || len(stored.Body) == 0 || time.Since(stored.Fetched) > time.Minute {
		t.Errorf("%+v, %v", stored, err)
	}
	if err := c.Check(t.Context(), chain, w.now); err != nil {
		t.Error(err)
	}
}
