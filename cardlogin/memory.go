package cardlogin

import (
	"cmp"
	"crypto/rand"
	"net/http"
	"sync"
	"time"
)

// Sessions are those who have logged in. The ready ones are [NewMemory] and, for a
// portal's own session library, [SessionsIn]. The methods may be called concurrently.
type Sessions interface {
	// Begin begins a session for the request's browser, with another identifier than
	// that of the session that the request brought, which is worthless afterwards. It may
	// set the login's Next.
	Begin(w http.ResponseWriter, r *http.Request, l *Login) error
	// Current returns the login of the request's session; nil where there is none or it
	// has ended.
	Current(r *http.Request) (*Login, error)
	// End ends the request's session.
	End(w http.ResponseWriter, r *http.Request) error
}

// MemoryOptions are those of NewMemory.
type MemoryOptions struct {
	// HTTPS says that the portal's origin is on https; without it the cookies are fit
	// for development on localhost only.
	HTTPS bool
	// Framed lets the cookie be kept where a page of another site has the portal in a frame.
	Framed bool
	// Idle ends a session that no request used for so long, Total each; 0: 15 minutes
	// and 10 hours.
	Idle, Total time.Duration
	// Now is the clock; nil: the system's.
	Now func() time.Time
}

// maxMemory bounds the sessions. Each stands for a card that was good.
const maxMemory = 100_000

// Memory are the sessions of a portal of one process: they end with it.
type Memory struct {
	o MemoryOptions

	mu  sync.Mutex
	all map[string]*entry // by identifier
}

type entry struct {
	login Login
	seen  time.Time
}

// NewMemory returns sessions that are in memory.
func NewMemory(o MemoryOptions) *Memory {
	o.Idle, o.Total = cmp.Or(o.Idle, 15*time.Minute), cmp.Or(o.Total, 10*time.Hour)
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Memory{o: o, all: map[string]*entry{}}
}

// Begin begins a session.
func (m *Memory) Begin(w http.ResponseWriter, r *http.Request, l *Login) error {
	id := rand.Text()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(r)
	if len(m.all) >= maxMemory {
		m.purge()
	}
	m.all[id] = &entry{login: stored(l), seen: m.o.Now()}
	m.setCookie(w, id, 0)
	return nil
}

// stored is what a session has of a login.
func stored(l *Login) Login {
	s := *l
	s.Person.Attributes, s.Next = nil, ""
	s.Result.Certificate, s.Result.Chain = nil, nil
	return s
}

// Current returns the session's login.
func (m *Memory) Current(r *http.Request) (*Login, error) {
	cookie, err := r.Cookie(m.cookieName())
	if err != nil {
		return nil, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.all[cookie.Value]
	switch {
	case e == nil:
		return nil, nil
	case m.ended(e):
		delete(m.all, cookie.Value)
		return nil, nil
	}
	e.seen = m.o.Now()
	l := e.login
	return &l, nil
}

func (m *Memory) ended(e *entry) bool {
	now := m.o.Now()
	return now.Sub(e.seen) >= m.o.Idle || now.Sub(e.login.At) >= m.o.Total
}

// End ends the session.
func (m *Memory) End(w http.ResponseWriter, r *http.Request) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(r)
	m.setCookie(w, "", -1)
	return nil
}

func (m *Memory) drop(r *http.Request) {
	if cookie, err := r.Cookie(m.cookieName()); err == nil {
		delete(m.all, cookie.Value)
	}
}

// purge deletes what has ended; where that is nothing, the session that was idle longest.
func (m *Memory) purge() {
	oldest, found := "", false
	for id, e := range m.all {
		switch {
		case m.ended(e):
			delete(m.all, id)
		case !found || e.seen.Before(m.all[oldest].seen):
			oldest, found = id, true
		}
	}
	if len(m.all) >= maxMemory {
		delete(m.all, oldest)
	}
}

// cookieName has the prefix that keeps other hosts of the same domain from planting a
// session (RFC 6265bis, 4.1.3.2), where browsers take it: on https.
func (m *Memory) cookieName() string {
	if m.o.HTTPS {
		return "__Host-cpx-session"
	}
	return "cpx-session"
}

func (m *Memory) setCookie(w http.ResponseWriter, value string, maxAge int) {
	cookie := &http.Cookie{
		Name: m.cookieName(), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: m.o.HTTPS, SameSite: http.SameSiteLaxMode,
	}
	if m.o.Framed {
		cookie.SameSite, cookie.Partitioned = http.SameSiteNoneMode, true
	}
	http.SetCookie(w, cookie)
}
