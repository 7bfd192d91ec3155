package gate

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

const landingStyle = `body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem;color:#16283c}h1{font-size:1.4rem}`

// landingPage is the page, into which go language, title, title, text and next step.
const landingPage = `<!doctype html>
<html lang="%s"><head><meta charset="utf-8"><title>CPx Bridge</title><style>` + landingStyle + `</style></head>
<body><h1>%s</h1><p>%s</p><p>%s</p></body></html>
`

// asHTML writes a text so that it stands in an element of HTML. html/template does that too, and
// keeps the linker from leaving any method out of this program: a seventh of its size.
var asHTML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

// landing answers a person who opens the agent's address. Whatever may have been
// asked by another site (an Origin, Sec-Fetch headers that say so) gets 404,
// so that an image or a frame learns nothing.
func (g *Gate) landing(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" || r.Method != http.MethodGet || len(r.Header.Values("Origin")) > 0 ||
		!absentOr(r, "Sec-Fetch-Dest", "document") || !absentOr(r, "Sec-Fetch-Site", "none") {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	lang := cmp.Or(language.Accept(r.Header.Get("Accept-Language")), language.French)
	t := texts.In(lang)
	sum := sha256.Sum256([]byte(landingStyle))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Language")
	_, err := fmt.Fprintf(w, landingPage, lang, asHTML.Replace(t.Text("gate.page_title")), asHTML.Replace(t.Text("gate.page_text")), asHTML.Replace(t.Text("gate.page_next")))
	if err != nil {
		g.Logger.Debug("landing page not written", "error", err)
	}
}

func absentOr(r *http.Request, header, value string) bool {
	values := r.Header.Values(header)
	return len(values) == 0 || (len(values) == 1 && values[0] == value)
}
