// Package pages is what people see of the portal: the home page, the first connection of a card,
// the person's space, help. A [Pages] may be used concurrently. A page never shows a text of a
// certificate or a form as markup, never says whether an account exists, and changes nothing
// but by a form of its own.
package pages

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/webfiles"
	"github.com/cpx-bridge/cpx-bridge/js"
	"github.com/cpx-bridge/cpx-bridge/portal/answers"
	"github.com/cpx-bridge/cpx-bridge/portal/auditlog"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
	"github.com/cpx-bridge/cpx-bridge/portal/sessions"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

//go:embed web/templates web/static
var files embed.FS

const (
	french  = language.French
	english = language.English
)

// The pages where logins and the portal's own links lead.
const (
	PathSpace    = "/espace"
	PathFirst    = "/premiere-connexion"
	pathSelfTest = "/poste"
	// pathLogout is also where a page posts by itself when its card is removed.
	pathLogout = "/deconnexion"
)

// Pages are the site's pages, with its static files and its templates, parsed once.
type Pages struct {
	settings *settings.Settings
	store    *store.Store
	sessions *sessions.Sessions
	throttle *passwords.Throttle
	hashing  *passwords.Hashing
	audit    *auditlog.Log
	log      *slog.Logger

	static, library *webfiles.Files
	// templates are those of a language by their names, ready to be shown.
	templates map[string]map[string]*template.Template
}

// Parts are what the pages stand on.
type Parts struct {
	Settings *settings.Settings
	Store    *store.Store
	Sessions *sessions.Sessions
	Throttle *passwords.Throttle
	Hashing  *passwords.Hashing
	Audit    *auditlog.Log
	Log      *slog.Logger
}

// New makes the pages.
func New(o Parts) (*Pages, error) {
	p := &Pages{settings: o.Settings, store: o.Store, sessions: o.Sessions, throttle: o.Throttle, hashing: o.Hashing, audit: o.Audit, log: o.Log}
	return p, p.load()
}

// Handle adds the pages and the static files to the site.
func (p *Pages) Handle(mux *http.ServeMux) {
	mux.HandleFunc("GET "+staticPath, p.file)
	mux.HandleFunc("GET /{$}", p.page(p.home))
	mux.HandleFunc("GET "+PathFirst, p.page(p.first))
	mux.HandleFunc("POST "+PathFirst, p.page(p.checkPassword))
	mux.HandleFunc("GET "+PathFirst+"/confirmation", p.page(p.confirmation))
	mux.HandleFunc("POST "+PathFirst+"/confirmation", p.page(p.attach))
	mux.HandleFunc("POST "+PathFirst+"/pas-ma-carte", p.page(p.notMine))
	mux.HandleFunc("GET "+PathSpace, p.page(p.space))
	mux.HandleFunc("GET /cartes/{id}/detacher", p.page(p.askDetach))
	mux.HandleFunc("POST /cartes/{id}/detacher", p.page(p.detach))
	mux.HandleFunc("POST /sessions/fermer", p.page(p.endOne))
	mux.HandleFunc("POST /sessions/autres", p.page(p.endOthers))
	mux.HandleFunc("POST /sessions/toutes", p.page(p.endAll))
	mux.HandleFunc("POST "+pathLogout, p.page(p.logout))
	for _, path := range []string{PathFirst + "/pas-ma-carte", "/sessions/fermer", "/sessions/autres", "/sessions/toutes", pathLogout, "/langue"} {
		mux.HandleFunc("GET "+path, p.page(p.backHome)) // typed, or after a reload
	}
	mux.HandleFunc("POST /langue", p.setLang)
	mux.HandleFunc("GET /assistance", p.page(p.support))
	mux.HandleFunc("GET /aide", p.page(p.help))
	mux.HandleFunc("GET "+pathSelfTest, p.page(p.selfTestPage))
	mux.HandleFunc("GET /", p.page(p.missing))
}

// staticPath is where the static files are. Pages name them with their version behind it,
// so that a browser that has shown one page asks for none of them on the next.
const staticPath = "/static/"

// versioned is staticPath with the version of the files, without a slash at its end.
func (p *Pages) versioned() string {
	return staticPath + versionMark + p.static.Tag() + p.library.Tag()
}

const versionMark = "v-"

// file serves the static files, without lists of them; anything else is no page. Another
// version's, as of a page that was open during an upgrade, is answered with this one's.
func (p *Pages) file(w http.ResponseWriter, r *http.Request) {
	name, files, lasts := strings.TrimPrefix(r.URL.Path, staticPath), p.static, false
	if strings.HasPrefix(name, versionMark) {
		_, name, _ = strings.Cut(name, "/")
		lasts = r.URL.Path == p.versioned()+"/"+name
	}
	if of, is := strings.CutPrefix(name, "js/"); is {
		name, files = of, p.library
	}
	if !files.Has(name) {
		p.page(p.missing)(w, r)
		return
	}
	files.Serve(w, r, name, lasts)
}

// Elsewhere is the page for another host: it says where the site is.
func (p *Pages) Elsewhere(w http.ResponseWriter, r *http.Request) {
	v := &view{Page: alone, Lang: answers.Language(r), Name: p.settings.Name, Link: p.settings.Origin + "/", Status: http.StatusMisdirectedRequest, Texts: p.settings.OperatorTexts()}
	v.Error = texts.In(v.Lang).Text("portal.error.unknown_host")
	p.render(w, v)
}

var pageNames = []string{"home", "first", "confirmation", "space", "detach", "support", "help", "selftest", "message", alone}

// alone is the page for another host, which serves none of the site's files.
const alone = "elsewhere"

func (p *Pages) load() error {
	var err error
	if p.static, err = filesOf(files, "web/static"); err != nil {
		return err
	}
	if p.library, err = filesOf(js.Files, "dist"); err != nil {
		return err
	}
	p.templates = map[string]map[string]*template.Template{}
	for _, lang := range []string{french, english} {
		p.templates[lang] = map[string]*template.Template{}
		for _, name := range pageNames {
			if p.templates[lang][name], err = p.template(name, lang); err != nil {
				return err
			}
		}
	}
	return nil
}

func filesOf(all fs.FS, folder string) (*webfiles.Files, error) {
	sub, err := fs.Sub(all, folder)
	if err != nil {
		return nil, err
	}
	return webfiles.New(sub)
}

// template parses a page of a language: package template makes it safe once, when it is
// first shown, which a clone for each request would do each time.
func (p *Pages) template(name, lang string) (*template.Template, error) {
	parts := []string{"web/templates/layout.html", "web/templates/" + name + ".html"}
	if name == alone {
		parts = parts[1:]
	}
	return template.New(path.Base(parts[0])).Funcs(template.FuncMap{
		"t":          texts.In(lang).Text,
		"how":        func(r settings.Region) string { return p.settings.OperatorTexts().How(r, lang, p.settings.Name) },
		"in":         func(b settings.Bilingual) string { return b.In(lang) },
		"profession": func(title string) string { return cps.Visible(cps.ProfessionIn(lang, title)) },
		"shown":      cps.Visible, // what a certificate states
		"date":       func(at time.Time) string { return language.DateTime(at, lang) },
		"static":     p.versioned,
	}).ParseFS(files, parts...)
}

func (p *Pages) render(w http.ResponseWriter, v *view) {
	t, known := p.templates[v.Lang]
	if !known {
		t = p.templates[french] // as package texts
	}
	var out bytes.Buffer
	if err := t[v.Page].Execute(&out, v); err != nil {
		p.log.Error("page cannot be shown", "page", v.Page, "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", v.Lang)
	w.WriteHeader(v.Status)
	_, _ = out.WriteTo(w)
}

// setLang remembers the choice for a year and returns to the page the person was
// on.
func (p *Pages) setLang(w http.ResponseWriter, r *http.Request) {
	lang := r.PostFormValue("lang")
	if lang != english {
		lang = french
	}
	http.SetCookie(w, &http.Cookie{
		Name: answers.LanguageCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: p.settings.HTTPS(), SameSite: http.SameSiteLaxMode,
	})
	back := "/"
	if u, err := url.Parse(r.PostFormValue("back")); err == nil && u.Scheme == "" && strings.HasPrefix(u.Path, "/") && !strings.HasPrefix(u.Path, "//") {
		back = u.EscapedPath() // browsers take an unescaped backslash for a slash
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}
