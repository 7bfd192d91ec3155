package portal

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
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
		if !slices.Contains(own, hostOnly(r.Host)) {
			p.otherHost(w, r)
			return
		}
		if p.settings.https() {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// hostOnly is the host of a Host header, without its port: a port tells no names apart.
func hostOnly(header string) string {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(header, "["), "]")
	}
	return strings.ToLower(host)
}

// otherHost says where the site is.
func (p *Portal) otherHost(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/auth/") {
		p.problem(w, r, http.StatusMisdirectedRequest, "unknown_host", errors.New("Host is "+short(r.Host)))
		return
	}
	p.log.Warn("request refused", "reason", "unknown_host", "host", short(r.Host))
	v := &view{Page: "elsewhere", Lang: p.lang(r), Name: p.settings.Name, Link: p.settings.Origin + "/", Status: http.StatusMisdirectedRequest, Texts: p.settings.texts}
	v.Error = texts.In(v.Lang).Text("portal.error.unknown_host")
	p.render(w, v)
}

// ownPages lets the site's own pages alone use what their script uses: nobody opens
// that in a browser, and another site's page has no business there. An older browser
// says nothing; from it another page learns nothing and can post nothing.
func (p *Portal) ownPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/auth/") && !challenge.FromOwnPage(r) {
			p.problem(w, r, http.StatusForbidden, "cross_origin", errors.New("Sec-Fetch-Site is "+short(strings.Join(r.Header["Sec-Fetch-Site"], ", "))))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// short is what the log has of a header, which may be long.
func short(header string) string { return header[:min(len(header), 100)] }
