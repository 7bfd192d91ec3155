package agent

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
)

const pageStyle = `body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem;color:#16283c}h1{font-size:1.4rem}`

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><title>CPx Bridge</title><style>{{.Style}}</style></head>
<body><h1>{{.Title}}</h1><p>{{.Text}}</p><p>{{.Next}}</p></body></html>
`))

type pageText struct {
	Lang, Title, Text, Next string
	Style                   template.CSS
}

var pageTexts = map[string]pageText{
	French: {
		Title: "CPx Bridge fonctionne sur ce poste",
		Text:  "Ce programme permet de vous identifier par carte CPx sur les sites autorisés. Il n’y a rien à faire ici.",
		Next:  "Retournez sur votre portail et cliquez sur « S’identifier par carte CPS ».",
	},
	English: {
		Title: "CPx Bridge is running on this workstation",
		Text:  "This program lets you log in with a CPx card at the sites that are allowed. There is nothing to do here.",
		Next:  "Go back to your portal and choose to log in with your card.",
	},
}

// page answers a person who opens the agent's address. Whatever may have been
// asked by another site (an Origin, Sec-Fetch headers that say so) gets 404,
// so that an image or a frame learns nothing.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" || r.Method != http.MethodGet || len(r.Header.Values("Origin")) > 0 ||
		!absentOr(r, "Sec-Fetch-Dest", "document") || !absentOr(r, "Sec-Fetch-Site", "none") {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	first, _, _ := strings.Cut(r.Header.Get("Accept-Language"), ",")
	first, _, _ = strings.Cut(first, ";")
	lang := known(strings.TrimSpace(first))
	if lang == "" {
		lang = French
	}
	text := pageTexts[lang]
	text.Lang, text.Style = lang, pageStyle
	sum := sha256.Sum256([]byte(pageStyle))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Language")
	if err := pageTemplate.Execute(w, text); err != nil {
		s.log.Debug("page not written", "error", err)
	}
}

func absentOr(r *http.Request, header, value string) bool {
	values := r.Header.Values(header)
	return len(values) == 0 || (len(values) == 1 && values[0] == value)
}
