package remote

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
)

// FuzzParams: whatever parameters a program sends, a certificate is chosen only where it
// is usable and on a card, a site is forgotten only under the name that a reader of exact
// names sees, and what cannot be read changes nothing.
func FuzzParams(f *testing.F) {
	names := []string{methodState, methodUse, methodShow, methodSites, methodForget, methodQuit, methodRestart}
	f.Fuzz(func(t *testing.T, which uint8, params []byte) {
		agent := &fake{list: []sites.Site{{Origin: "https://a.fr"}, {Origin: "https://b.fr"}}}
		agent.report.Certificates = []state.Certificate{{ID: "usable", Usable: true}, {ID: "not usable"}}
		name := names[int(which)%len(names)]
		quit := false
		methods := Methods(t.Context(), agent, func(context.Context) bool { return false }, func(context.Context) bool { return false }, func() int { quit = true; return 0 })
		_, err := methods[name](t.Context(), params)
		if quit != (name == methodQuit && err == nil) {
			t.Errorf("%s %q: quits %v, %v", name, params, quit, err)
		}
		members, strictErr := strictjson.Object(params)
		var id, origin string
		_, _ = json.Unmarshal(members["id"], &id), json.Unmarshal(members["origin"], &origin)
		if len(params) > 0 && strictErr != nil {
			var refused *control.Error
			if !errors.As(err, &refused) || refused.Code != control.CodeInvalidParams {
				t.Errorf("%s %q: %v", name, params, err)
			}
			name = "" // it must change nothing
		}
		if agent.used != "" && (name != methodUse || agent.used != id || id != "usable") {
			t.Errorf("%q chose %q", params, agent.used)
		}
		for _, site := range []string{"https://a.fr", "https://b.fr"} {
			gone := true
			for _, s := range agent.list {
				gone = gone && s.Origin != site
			}
			if gone != (name == methodForget && origin == site) {
				t.Errorf("%q: %s is gone: %v", params, site, gone)
			}
		}
		if agent.shown > 0 && name != methodShow {
			t.Errorf("%q shows a window", params)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
}
