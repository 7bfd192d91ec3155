// Package answers has what every part of the portal answers with: the language of a request,
// and the problem documents of what the page's script asks. Its functions may be called
// concurrently. What failed inside goes to the log alone, where the reference finds it that the
// page shows.
package answers

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// LanguageCookie holds the language that the person chose.
const LanguageCookie = "lang"

// Language is the language that the person chose, else the browser's, else French.
func Language(r *http.Request) string {
	if c, err := r.Cookie(LanguageCookie); err == nil && language.Known(c.Value) {
		return c.Value
	}
	return cmp.Or(language.Accept(strings.Join(r.Header.Values("Accept-Language"), ",")), language.French)
}

// Problem answers with a problem document (RFC 9457), and logs the reason with err.
func Problem(w http.ResponseWriter, r *http.Request, log *slog.Logger, status int, reason string, err error) {
	ref := reference.New()
	log.Warn("login refused", "reason", reason, reference.Key, ref, "error", err)
	ProblemOf(w, r, status, reason, ref)
}

// ProblemOf answers with a problem document whose reference the log has already.
func ProblemOf(w http.ResponseWriter, r *http.Request, status int, reason, ref string) {
	JSON(w, status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "reason": reason, "detail": Detail(r, reason), reference.Key: ref,
	})
}

// Detail is the text for people of a problem's reason, in the request's language.
func Detail(r *http.Request, reason string) string {
	say := texts.In(Language(r))
	if detail, known := say.Code("portal.problem", reason); known {
		return detail
	}
	return say.Text("portal.problem.other")
}

// JSON answers with v, as that media type.
func JSON(w http.ResponseWriter, status int, kind string, v any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // that the browser is gone is no error of ours
}

// Short is what the log has of a header, which may be long.
func Short(header string) string { return header[:min(len(header), 100)] }
