// Package remote is what the running agent does for the person's other programs,
// over package control: Methods on the agent's side, a function for each on the
// other. All may be used from any goroutine. Nothing here asks for a PIN, signs,
// or reveals more of a card than the person's own menu shows.
package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
)

// Agent is what the socket serves: an *agent.Server.
type Agent interface {
	Report(ctx context.Context, refresh bool) state.State
	FullReport(ctx context.Context) state.State
	Appear(ctx context.Context)
	Use(id string) error
	Sites() ([]sites.Site, error)
	ResumeUnknownSites() bool
	Never() []state.Domain
	Refuse(domain string) error
	Forget(what string) error
	Restart(ctx context.Context) error
}

// The names of the methods.
const (
	methodState  = "state"
	methodUse    = "use"
	methodShow   = "show"
	methodSites  = "sites"
	methodForget = "forget"
	methodResume = "resume"
	methodNever  = "never"
	methodRefuse = "refuse"
	methodQuit   = "quit"

	methodRestart = "restart"
)

type stateParams struct {
	Refresh bool `json:"refresh,omitempty"`
	Desktop bool `json:"desktop,omitempty"`
}

// Start describes a second start.
type Start struct {
	Lang    string `json:"lang,omitempty"`
	Desktop bool   `json:"desktop,omitempty"` // it runs on one
	Quiet   bool   `json:"quiet,omitempty"`   // no person asked for it, as at a login: nothing is shown
}

type useParams struct {
	ID string `json:"id"`
}

type forgetParams struct {
	Origin string `json:"origin"` // or a domain
}

type refuseParams struct {
	Domain string `json:"domain"`
}

// resumed is the answer of resume.
type resumed struct {
	Paused bool `json:"paused"` // they were
}

// Methods are the methods of an agent. What outlives a call, the window of show,
// ends with life. yield is called when a second start runs on a desktop: an agent
// that can ask nobody ends itself and returns true. display says whether the agent
// can show a window. quit ends the agent, and does not wait for its end; it returns a
// process that ends with it, 0 for none.
func Methods(life context.Context, a Agent, yield, display func(context.Context) bool, quit func() (with int)) map[string]control.Method {
	return map[string]control.Method{
		methodState: method(func(ctx context.Context, p stateParams) (any, error) {
			r := a.Report(ctx, p.Refresh)
			if p.Desktop {
				_, err := a.Sites()
				r.Desktop = &state.Desktop{Display: display(ctx), Keyring: sites.Reason(err)}
			}
			return r, nil
		}),
		methodUse: method(func(ctx context.Context, p useParams) (any, error) {
			return struct{}{}, use(ctx, a, p.ID)
		}),
		methodShow: method(func(ctx context.Context, p Start) (any, error) {
			if p.Desktop && yield(ctx) {
				return nil, &control.Error{Code: control.CodeStopping, Message: "this agent can ask nobody"}
			}
			if !p.Quiet {
				a.Appear(life)
			}
			return a.FullReport(ctx), nil
		}),
		methodSites: method(func(context.Context, struct{}) (any, error) {
			list, err := a.Sites()
			if list == nil {
				list = []sites.Site{}
			}
			return list, err
		}),
		methodNever: method(func(context.Context, struct{}) (any, error) {
			return append([]state.Domain{}, a.Never()...), nil
		}),
		methodRefuse: method(func(_ context.Context, p refuseParams) (any, error) {
			return struct{}{}, a.Refuse(p.Domain)
		}),
		methodForget: method(func(_ context.Context, p forgetParams) (any, error) {
			return struct{}{}, a.Forget(p.Origin)
		}),
		methodResume: method(func(context.Context, struct{}) (any, error) {
			return resumed{a.ResumeUnknownSites()}, nil
		}),
		methodRestart: method(func(ctx context.Context, _ struct{}) (any, error) {
			err := a.Restart(ctx)
			if bad, is := errors.AsType[*state.RestartError](err); is {
				return nil, &control.Error{Code: restartPrefix + bad.Reason, Message: bad.Detail}
			}
			return struct{}{}, err
		}),
		methodQuit: method(func(context.Context, struct{}) (any, error) {
			return control.EndAnswer{With: quit()}, nil
		}),
	}
}

// method is a control.Method that decodes its parameters.
func method[P any](do func(context.Context, P) (any, error)) control.Method {
	return func(ctx context.Context, text json.RawMessage) (any, error) {
		var p P
		if len(text) > 0 {
			if err := strictjson.Into(text, &p); err != nil {
				return nil, &control.Error{Code: control.CodeInvalidParams, Message: err.Error()}
			}
		}
		return do(ctx, p)
	}
}

// use accepts only a usable certificate that is on a card, as the menu does.
func use(ctx context.Context, a Agent, id string) error {
	for _, c := range a.Report(ctx, false).Certificates {
		if c.ID == id && c.Usable {
			return a.Use(id)
		}
	}
	return &control.Error{Code: control.CodeInvalidParams, Message: fmt.Sprintf("no usable certificate %.64q is on a card", id)}
}

// State is the running agent's view of the cards.
func State(ctx context.Context, stateDir string, refresh bool) (state.State, error) {
	var r state.State
	err := control.Call(ctx, stateDir, methodState, stateParams{Refresh: refresh}, &r)
	return r, err
}

// Desktop is State with what only the agent's own desktop session knows.
func Desktop(ctx context.Context, stateDir string) (state.State, error) {
	var r state.State
	err := control.Call(ctx, stateDir, methodState, stateParams{Desktop: true}, &r)
	return r, err
}

// Show has the running agent show its state to the person, unless s is quiet, and returns
// it. The error has control.CodeStopping where the running agent ends, so that the caller
// may start.
func Show(ctx context.Context, stateDir string, s Start) (state.State, error) {
	var r state.State
	err := control.Call(ctx, stateDir, methodShow, s, &r)
	return r, err
}

// Yield has the account's agents of other desktop sessions end where they can ask nobody any
// more, because those sessions have ended.
func Yield(ctx context.Context, stateDir string) error {
	return control.CallOthers(ctx, stateDir, methodShow, Start{Desktop: true, Quiet: true})
}

// Use has the running agent choose the certificate of the next logins.
func Use(ctx context.Context, stateDir, id string) error {
	return control.Call(ctx, stateDir, methodUse, useParams{id}, nil)
}

// Sites are the sites that the running agent remembers.
func Sites(ctx context.Context, stateDir string) ([]sites.Site, error) {
	var list []sites.Site
	err := control.Call(ctx, stateDir, methodSites, nil, &list)
	return list, err
}

// Never are the domains that the running agent refuses.
func Never(ctx context.Context, stateDir string) ([]state.Domain, error) {
	var list []state.Domain
	err := control.Call(ctx, stateDir, methodNever, nil, &list)
	return list, err
}

// Refuse has the running agent refuse a domain from now on.
func Refuse(ctx context.Context, stateDir, domain string) error {
	return control.Call(ctx, stateDir, methodRefuse, refuseParams{domain}, nil)
}

// Forget has the running agent forget a site or a domain.
func Forget(ctx context.Context, stateDir, what string) error {
	return control.Call(ctx, stateDir, methodForget, forgetParams{what}, nil)
}

// ResumeUnknownSites has the running agent end the pause of the sites that are not
// allowed, and reports whether there was one.
func ResumeUnknownSites(ctx context.Context, stateDir string) (bool, error) {
	var r resumed
	err := control.Call(ctx, stateDir, methodResume, nil, &r)
	return r.Paused, err
}

// restartPrefix begins the codes of why an agent is not started anew.
const restartPrefix = "restart_"

// Restart has the program that is installed follow the running agent, and does not wait for
// it. The error is a *state.RestartError where the agent goes on as it was.
func Restart(ctx context.Context, stateDir string) error {
	err := control.Call(ctx, stateDir, methodRestart, nil, nil)
	if bad, is := errors.AsType[*control.Error](err); is {
		if reason, is := strings.CutPrefix(bad.Code, restartPrefix); is {
			return &state.RestartError{Reason: reason, Detail: bad.Message}
		}
	}
	return err
}

// Quit has the running agent end, and returns once its process has ended. The error is
// control.ErrNoAgent where none runs, and a *control.GoesOnError where one goes on.
func Quit(ctx context.Context, stateDir string) error {
	return control.End(ctx, stateDir, methodQuit)
}
