package main

import (
	"crypto/rand"
	_ "embed"
	"html/template"
	"io/fs"
	"log"
	"net/http"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/js"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"visible": cps.Visible}).Parse(pageText))

// csp permits what card login needs: the site's files, and the agent.
const csp = "default-src 'none'; script-src 'self'; connect-src 'self' ws://127.0.0.1:* wss://localhost:*; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// library serves the page's library from the module. Other sites copy js/dist.
func library() http.Handler {
	dist, err := fs.Sub(js.Files, "dist")
	if err != nil { // the folder is built in
		panic(err)
	}
	return http.StripPrefix("/static/cpx-bridge/", http.FileServerFS(dist))
}

// page shows the button, or who has logged in.
func (s *site) page(w http.ResponseWriter, r *http.Request) {
	var person *cps.Person
	if session, err := r.Cookie(s.cookie); err == nil {
		person = s.people.in(session.Value)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", csp)
	w.Header().Set("Cache-Control", "no-store")
	if err := pageTemplate.Execute(w, person); err != nil {
		log.Print(err)
	}
}

func (s *site) logout(w http.ResponseWriter, r *http.Request) {
	if session, err := r.Cookie(s.cookie); err == nil {
		s.people.end(session.Value)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

const (
	sessionLifetime = 15 * time.Minute
	maxPeople       = 10_000
)

// people are those who have logged in, by session. It may be used concurrently.
type people struct {
	now func() time.Time
	mu  sync.Mutex
	all map[string]inside
}

type inside struct {
	person cps.Person
	until  time.Time
}

func newPeople(now func() time.Time) *people { return &people{now: now, all: map[string]inside{}} }

func (p *people) begin(person cps.Person) (session string) {
	session = rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.all) >= maxPeople {
		clear(p.all) // bounds the memory; people log in once more
	}
	p.all[session] = inside{person, p.now().Add(sessionLifetime)}
	return session
}

func (p *people) in(session string) *cps.Person {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, ok := p.all[session]
	if !ok || !p.now().Before(i.until) {
		return nil
	}
	return &i.person
}

func (p *people) end(session string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, session)
}
