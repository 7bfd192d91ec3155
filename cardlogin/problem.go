package cardlogin

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/cpx-bridge/cpx-bridge/internal/reference"
)

// Refusal is an answer other than the one that was asked for. As the error of
// [Options.Accept] it says why somebody whose card is good may not enter.
type Refusal struct {
	// Status is the HTTP status; 0: 403.
	Status int
	// Reason is a word for programs, such as "account_disabled". The page's library has a
	// text for authtoken's.
	Reason string
	// Detail is the text for people; "": that of [Options.Detail].
	Detail string
	// Err is for the log, which names nobody. It may be nil.
	Err error
	// Token is the one that was refused, where the request had one.
	Token json.RawMessage

	allow string // the methods, where the request's is not among them
}

func (f *Refusal) Error() string {
	if f.Err == nil {
		return "cardlogin: " + f.Reason
	}
	return "cardlogin: " + f.Reason + ": " + f.Err.Error()
}

// Unwrap returns the cause, which may be nil.
func (f *Refusal) Unwrap() error { return f.Err }

// Refuse answers with a problem document (RFC 9457): "reason", and in "detail" the text
// for people. An error that is no [*Refusal] is answered as "internal", with 500; what it says
// goes to the log alone, where the answer's "reference" finds it.
func (h *Handler) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	refusal := (*Refusal)(nil)
	if !errors.As(err, &refusal) {
		refusal = &Refusal{Status: http.StatusInternalServerError, Reason: "internal", Err: err}
	}
	status := refusal.Status
	if status == 0 {
		status = http.StatusForbidden
	}
	ref := reference.New()
	says := []any{"reason", refusal.Reason, reference.Key, ref}
	if refusal.Err != nil {
		says = append(says, "error", refusal.Err)
	}
	h.o.Logger.WarnContext(r.Context(), "login refused", says...)
	problem := map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "reason": refusal.Reason, reference.Key: ref,
	}
	detail := refusal.Detail
	if detail == "" && h.o.Detail != nil {
		detail = h.o.Detail(r, refusal.Reason)
	}
	if detail != "" {
		problem["detail"] = detail
	}
	if refusal.allow != "" {
		w.Header().Set("Allow", refusal.allow)
	}
	answer(w, status, "application/problem+json", problem)
}

func answer(w http.ResponseWriter, status int, kind string, v any) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // that the browser is gone is no error of ours
}
