// Package remote is what the running agent does for the person's other programs,
// over package control: Methods on the agent's side, a function for each on the
// other. All may be used from any goroutine. Nothing here asks for a PIN, signs,
// or tells what is on a card beyond what the person's own menu shows.
package remote

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
)

// Agent is what the socket serves; *agent.Server is one.
type Agent interface {
	Report(ctx context.Context, refresh bool) state.State
	FullReport(ctx context.Context) state.State
	ShowState(ctx context.Context)
	Use(id string) error
	Sites() ([]sites.Site, error)
	Forget(origin string) error
}

// The methods and what they take.
const (
	methodState  = "state"
	methodUse    = "use"
	methodShow   = "show"
	methodSites  = "sites"
	methodForget = "forget"
)

type stateParams struct {
	Refresh bool `json:"refresh,omitempty"`
	Desktop bool `json:"desktop,omitempty"`
}

// showParams are a second start's: its language, and whether it stands on a
// desktop.
type showParams struct {
	Lang    string `json:"lang,omitempty"`
	Desktop bool   `json:"desktop,omitempty"`
}

type useParams struct {
	ID string `json:"id"`
}

type forgetParams struct {
	Origin string `json:"origin"`
}

// Methods are the agent's. What a method leaves running, the window of show,
// ends with life. makePlace is asked where a second start stands on a desktop:
// an agent that can ask nobody ends then, and says true. display tells whether it
// can show a window.
func Methods(life context.Context, a Agent, makePlace, display func(context.Context) bool) map[string]control.Method {
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
		methodShow: method(func(ctx context.Context, p showParams) (any, error) {
			if p.Desktop && makePlace(ctx) {
				return nil, &control.Error{Code: control.CodeEnding, Message: "this agent can ask nobody"}
			}
			a.ShowState(life)
			return a.FullReport(ctx), nil
		}),
		methodSites: method(func(context.Context, struct{}) (any, error) {
			list, err := a.Sites()
			if list == nil {
				list = []sites.Site{}
			}
			return list, err
		}),
		methodForget: method(func(_ context.Context, p forgetParams) (any, error) {
			return struct{}{}, a.Forget(p.Origin)
		}),
	}
}

// method reads the parameters.
func method[P any](do func(context.Context, P) (any, error)) control.Method {
	return func(ctx context.Context, text json.RawMessage) (any, error) {
		var p P
		if len(text) > 0 {
			if err := json.Unmarshal(text, &p); err != nil {
				return nil, &control.Error{Code: control.CodeInvalidParams, Message: err.Error()}
			}
		}
		return do(ctx, p)
	}
}

// use takes only a certificate that is there and usable, as the menu does.
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

// Desktop is State with what the agent's own session tells.
func Desktop(ctx context.Context, stateDir string) (state.State, error) {
	var r state.State
	err := control.Call(ctx, stateDir, methodState, stateParams{Desktop: true}, &r)
	return r, err
}

// Show has the running agent show its state to the person, and returns it.
// desktop says that the caller stands on one. The error has control.CodeEnding
// where the running agent ends, and makes place for the caller.
func Show(ctx context.Context, stateDir, lang string, desktop bool) (state.State, error) {
	var r state.State
	err := control.Call(ctx, stateDir, methodShow, showParams{lang, desktop}, &r)
	return r, err
}

// Use has the running agent choose the certificate of the next logins.
func Use(ctx context.Context, stateDir, id string) error {
	return control.Call(ctx, stateDir, methodUse, useParams{id}, nil)
}

// Sites are those that the running agent remembers.
func Sites(ctx context.Context, stateDir string) ([]sites.Site, error) {
	var list []sites.Site
	err := control.Call(ctx, stateDir, methodSites, nil, &list)
	return list, err
}

// Forget has the running agent forget a site.
func Forget(ctx context.Context, stateDir, origin string) error {
	return control.Call(ctx, stateDir, methodForget, forgetParams{origin}, nil)
}
