package main

import (
	_ "embed"
	"html/template"
	"log"
	"net/http"

	"github.com/cpx-bridge/cpx-bridge/cardlogin"
	"github.com/cpx-bridge/cpx-bridge/cps"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"visible": cps.Visible}).Parse(pageText))

// csp permits what card login needs: the site's files, and the agent.
const csp = "default-src 'none'; script-src 'self'; connect-src 'self' ws://127.0.0.1:* wss://localhost:*; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// page shows the button, or who has logged in.
func page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", csp)
	w.Header().Set("Cache-Control", "no-store")
	if err := pageTemplate.Execute(w, cardlogin.Current(r.Context())); err != nil {
		log.Print(err)
	}
}
