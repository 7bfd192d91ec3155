package portal

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
	"github.com/cpx-bridge/cpx-bridge/portal/answers"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
)

// ownHost refuses a request for another host: a name that an attacker's page gave this
// machine's address, for example. Where a proxy stands in front, it passes the browser's
// Host on; what it says in X-Forwarded-Host is nothing that is read here.
func (p *Portal) ownHost(next http.Handler) http.Handler {
	own := p.settings.Hosts
	if u, err := url.Parse(p.settings.Origin); err == nil { // checked with the settings
		own = append(slices.Clone(own), u.Hostname())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(own, settings.HostOnly(r.Host)) {
			p.otherHost(w, r)
			return
		}
		if p.settings.HTTPS() {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// otherHost says where the site is.
func (p *Portal) otherHost(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/auth/") {
		answers.Problem(w, r, p.log, http.StatusMisdirectedRequest, "unknown_host", errors.New("Host is "+answers.Short(r.Host)))
		return
	}
	p.log.Warn("request refused", "reason", "unknown_host", "host", answers.Short(r.Host))
	p.pages.Elsewhere(w, r)
}

// ownPages lets the site's own pages alone use what their script uses: nobody opens
// that in a browser, and another site's page has no business there. An older browser
// says nothing; from it another page learns nothing and can post nothing.
func (p *Portal) ownPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/auth/") && !challenge.FromOwnPage(r) {
			answers.Problem(w, r, p.log, http.StatusForbidden, "cross_origin", errors.New("Sec-Fetch-Site is "+answers.Short(strings.Join(r.Header["Sec-Fetch-Site"], ", "))))
			return
		}
		next.ServeHTTP(w, r)
	})
}
