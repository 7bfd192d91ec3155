package portal

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

//go:embed web/templates web/static lang
var files embed.FS

const (
	french  = language.French
	english = language.English
)

// catalogue holds every sentence of the site, by language and key.
type catalogue struct{ byLang map[string]map[string]string }

func loadCatalogue() (*catalogue, error) {
	c := &catalogue{byLang: map[string]map[string]string{}}
	for _, lang := range []string{french, english} {
		text, err := files.ReadFile("lang/" + lang + ".toml")
		if err != nil {
			return nil, err
		}
		words := map[string]string{}
		if err := toml.Unmarshal(text, &words); err != nil {
			return nil, fmt.Errorf("lang/%s.toml: %w", lang, err)
		}
		c.byLang[lang] = words
	}
	return c, nil
}

func (c *catalogue) get(lang, key string) (string, bool) {
	text, ok := c.byLang[lang][key]
	return text, ok
}

func (c *catalogue) text(lang, key string, args ...any) string {
	text, ok := c.get(lang, key)
	if !ok {
		return key
	}
	if len(args) > 0 {
		return fmt.Sprintf(text, args...)
	}
	return text
}

// pages are the templates, made ready once.
type pages struct {
	static    fs.FS
	templates map[string]*template.Template
}

var pageNames = []string{"home", "first", "confirmation", "space", "detach", "support", "message"}

func loadPages() (*pages, error) {
	static, err := fs.Sub(files, "web/static")
	if err != nil {
		return nil, err
	}
	p := &pages{static: static, templates: map[string]*template.Template{}}
	for _, name := range pageNames {
		// The functions of a language are put in place at each use.
		t := template.New("layout.html").Funcs(template.FuncMap{
			"t": func(string, ...any) string { return "" }, "how": func(Region) string { return "" },
			"profession": func(string) string { return "" }, "date": func(time.Time) string { return "" }, "in": func(Bilingual) string { return "" },
		})
		if t, err = t.ParseFS(files, "web/templates/layout.html", "web/templates/"+name+".html"); err != nil {
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
			"t":          func(key string, args ...any) string { return p.words.text(v.Lang, key, args...) },
			"how":        func(r Region) string { return p.settings.texts.how(r, v.Lang, p.settings.Name) },
			"in":         func(b Bilingual) string { return b.in(v.Lang) },
			"profession": func(title string) string { return cps.ProfessionIn(v.Lang, title) },
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

// lang is the person's choice, else the browser's, else French.
func (p *Portal) lang(r *http.Request) string {
	if c, err := r.Cookie(langCookie); err == nil && language.Known(c.Value) {
		return c.Value
	}
	return cmp.Or(language.Accept(r.Header.Get("Accept-Language")), french)
}

// setLang keeps the choice for a year and goes back to where the person was.
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
		back = u.EscapedPath() // browsers take a bare backslash for a slash
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}
