package portal

import (
	"bytes"
	"cmp"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

//go:embed web/templates web/static
var files embed.FS

const (
	french  = language.French
	english = language.English
)

// pages are the site's static files and its templates, parsed once.
type pages struct {
	static    fs.FS
	templates map[string]*template.Template
}

var pageNames = []string{"home", "first", "confirmation", "space", "detach", "support", "help", "message", alone}

// alone is the page for another host, which serves none of the site's files.
const alone = "elsewhere"

func loadPages() (*pages, error) {
	static, err := fs.Sub(files, "web/static")
	if err != nil {
		return nil, err
	}
	p := &pages{static: static, templates: map[string]*template.Template{}}
	for _, name := range pageNames {
		parts := []string{"web/templates/layout.html", "web/templates/" + name + ".html"}
		if name == alone {
			parts = parts[1:]
		}
		// These only let the templates parse: render sets those of the language.
		t := template.New(path.Base(parts[0])).Funcs(template.FuncMap{
			"t": func(texts.Key, ...any) string { return "" }, "how": func(Region) string { return "" },
			"profession": func(string) string { return "" }, "shown": cps.Visible, "date": func(time.Time) string { return "" }, "in": func(Bilingual) string { return "" },
		})
		if t, err = t.ParseFS(files, parts...); err != nil {
			return nil, err
		}
		p.templates[name] = t
	}
	return p, nil
}

func (p *Portal) render(w http.ResponseWriter, v *view) {
	t, err := p.pages.templates[v.Page].Clone()
	var out bytes.Buffer
	if err == nil {
		err = t.Funcs(template.FuncMap{
			"t":          texts.In(v.Lang).Text,
			"how":        func(r Region) string { return p.settings.texts.how(r, v.Lang, p.settings.Name) },
			"in":         func(b Bilingual) string { return b.in(v.Lang) },
			"profession": func(title string) string { return cps.Visible(cps.ProfessionIn(v.Lang, title)) },
			"shown":      cps.Visible, // what a certificate states
			"date":       func(at time.Time) string { return language.DateTime(at, v.Lang) },
		}).Execute(&out, v)
	}
	if err != nil {
		p.log.Error("page cannot be shown", "page", v.Page, "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", v.Lang)
	w.WriteHeader(v.Status)
	_, _ = out.WriteTo(w)
}

const langCookie = "lang"

// lang is the language that the person chose, else the browser's, else French.
func (p *Portal) lang(r *http.Request) string {
	if c, err := r.Cookie(langCookie); err == nil && language.Known(c.Value) {
		return c.Value
	}
	return cmp.Or(language.Accept(r.Header.Get("Accept-Language")), french)
}

// setLang remembers the choice for a year and returns to the page the person was
// on.
func (p *Portal) setLang(w http.ResponseWriter, r *http.Request) {
	lang := r.PostFormValue("lang")
	if lang != english {
		lang = french
	}
	http.SetCookie(w, &http.Cookie{
		Name: langCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: p.settings.https(), SameSite: http.SameSiteLaxMode,
	})
	back := "/"
	if u, err := url.Parse(r.PostFormValue("back")); err == nil && u.Scheme == "" && strings.HasPrefix(u.Path, "/") && !strings.HasPrefix(u.Path, "//") {
		back = u.EscapedPath() // browsers take an unescaped backslash for a slash
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}
