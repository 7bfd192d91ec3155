package network

import (
	"net/http"
	"testing"
)

func TestAddress(t *testing.T) {
	p, err := Parse([]string{"192.0.2.1", "10.0.0.0/8", "2001:db8::/32"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from string
		says []string
		want string
	}{
		"no proxy":                   {"198.51.100.7:5", nil, "198.51.100.7"},
		"a header of anybody's":      {"198.51.100.7:5", []string{"203.0.113.9"}, "198.51.100.7"},
		"through the proxy":          {"192.0.2.1:5", []string{"203.0.113.9"}, "203.0.113.9"},
		"a first address made up":    {"192.0.2.1:5", []string{"127.0.0.1, 203.0.113.9"}, "203.0.113.9"},
		"two headers":                {"192.0.2.1:5", []string{"127.0.0.1", "203.0.113.9"}, "203.0.113.9"},
		"two proxies":                {"192.0.2.1:5", []string{"203.0.113.9, 10.1.2.3"}, "203.0.113.9"},
		"one of them made up":        {"192.0.2.1:5", []string{"10.9.9.9, 203.0.113.9, 10.1.2.3"}, "203.0.113.9"},
		"proxies alone":              {"192.0.2.1:5", []string{"10.1.2.3"}, "10.1.2.3"},
		"nothing said":               {"192.0.2.1:5", nil, "192.0.2.1"},
		"nonsense":                   {"192.0.2.1:5", []string{"unknown"}, "192.0.2.1"},
		"with a port":                {"192.0.2.1:5", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		"IPv6":                       {"[2001:db8::5]:5", []string{"[2001:db9::1]:7"}, "2001:db9::1"},
		"IPv4 as IPv6":               {"[::ffff:192.0.2.1]:5", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		"a socket without addresses": {"@", []string{"203.0.113.9"}, ""},
	} {
		r := &http.Request{RemoteAddr: c.from, Header: http.Header{"X-Forwarded-For": c.says}}
		if got := p.Address(r); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for _, bad := range []string{"", "proxy.example.fr", "10.0.0.0/33", "10.0.0.1:80"} {
		if _, err := Parse([]string{bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
