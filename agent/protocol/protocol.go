// Package protocol is what a page and the agent say to each other: JSON-RPC 2.0
// requests read strictly, the answers, the notifications, and one table that
// turns any error into its code. It is the one place where the names on the wire
// stand; docs/portal-developers.md describes them.
//
// Everything here may be used from any goroutine. The package decides nothing
// about a login, and never lets the text of an unforeseen error reach a page.
package protocol

import (
	"encoding/json"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
)

// Version is the protocol's, as `status` answers it.
const Version = 1

// The WebSocket that carries the protocol.
const (
	Subprotocol = "cpx.v1"
	Path        = "/v1"
	MaxMessage  = 64 << 10 // bytes of one message from a page
)

// The methods of a page's requests.
const (
	MethodStatus       = "status"
	MethodAuthenticate = "authenticate"
	MethodCancel       = "cancel"
	MethodWatch        = "watch"
)

// Progress is a state of the notification `progress`.
type Progress string

// The states of a login.
const (
	AskingConsent       Progress = "waiting-for-consent"
	AskingForCard       Progress = "waiting-for-card"
	ChoosingCertificate Progress = "choosing-certificate"
	AskingPIN           Progress = "waiting-for-pin"
	Signing             Progress = "signing"
)

// ProgressStates are all of them, for documents and tests that list them.
func ProgressStates() []Progress {
	return []Progress{AskingConsent, AskingForCard, ChoosingCertificate, AskingPIN, Signing}
}

// Status is the result of `status`. An origin that is not allowed gets Protocol
// alone.
type Status struct {
	Protocol int    `json:"protocol"`
	Agent    *Agent `json:"agent,omitempty"`
	Readers  *int   `json:"readers,omitempty"`
	Card     string `json:"card,omitempty"` // present, absent or unknown
}

// Agent names the agent.
type Agent struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Watched is the result of `watch`.
type Watched struct {
	Present bool `json:"present"`
}

// Authenticate is what `authenticate` takes.
type Authenticate struct {
	ChallengeNonce string
	Lang           string // "" where the page names none
}

// ParseAuthenticate reads the parameters of `authenticate`.
func ParseAuthenticate(r Request) (Authenticate, *Error) {
	nonce, bad := r.StringParam("challengeNonce", true)
	if bad != nil {
		return Authenticate{}, bad
	}
	if err := authtoken.CheckNonce(nonce); err != nil {
		return Authenticate{}, InvalidParams("params.challengeNonce: " + err.Error())
	}
	lang, bad := r.StringParam("lang", false)
	return Authenticate{ChallengeNonce: nonce, Lang: lang}, bad
}

// response is an answer to a request.
type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result,omitempty"`
	Error   *Error          `json:"error,omitempty"`
}

type notification struct {
	Version string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  any    `json:"params"`
}

// Reply is the answer to the request of that id: the error where there is one,
// else the result.
func Reply(id json.RawMessage, result any, err *Error) []byte {
	if err != nil {
		result = nil
	}
	return marshal(response{Version: "2.0", ID: id, Result: result, Error: err})
}

// NotifyProgress is the notification of a login's state.
func NotifyProgress(state Progress) []byte {
	return notify("progress", map[string]Progress{"state": state})
}

// NotifyCardRemoved is the notification that the page's card has left.
func NotifyCardRemoved() []byte { return notify("card", map[string]string{"event": "removed"}) }

func notify(method string, params any) []byte {
	return marshal(notification{Version: "2.0", Method: method, Params: params})
}

func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil { // only our own types come here
		panic(err)
	}
	return text
}
