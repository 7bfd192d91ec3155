package domain

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/origin"
)

// TestOf: all names below a registrable domain are one, the customers of a host on the
// list are each their own, and what has no domain is its own.
func TestOf(t *testing.T) {
	for text, want := range map[string]string{
		"https://example.fr":                "example.fr",
		"https://a.b.c.example.fr:8443":     "example.fr",
		"https://portail.chu.asso.fr":       "chu.asso.fr",
		"https://a.b.example.co.uk":         "example.co.uk",
		"https://a.client.github.io":        "client.github.io",
		"https://a.xn--hpital-yxa.fr":       "xn--hpital-yxa.fr",
		"https://a.b.xn--55qx5d.cn":         "b.xn--55qx5d.cn",
		"https://a.www.ck":                  "www.ck", // an exception of the list
		"https://a.b.c.ck":                  "b.c.ck", // a wildcard of the list
		"https://a.portail.interne":         "portail.interne",
		"https://a_b.c.example.fr":          "example.fr",
		"https://intranet":                  "intranet",
		"https://localhost:8443":            "localhost",
		"http://localhost:3000":             "localhost",
		"https://fr":                        "fr",
		"https://asso.fr":                   "asso.fr",
		"https://github.io":                 "github.io",
		"https://192.0.2.7":                 "192.0.2.7",
		"https://192.0.2.7:4433":            "192.0.2.7",
		"https://[2001:db8::1]:444":         "2001:db8::1",
		"https://[::ffff:7f00:1]":           "::ffff:7f00:1",
		"https://xn--55qx5d.cn":             "xn--55qx5d.cn",
		"https://bucket.s3.amazonaws.com":   "bucket.s3.amazonaws.com",
		"https://a.bucket.s3.amazonaws.com": "bucket.s3.amazonaws.com",
	} {
		o, err := origin.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := Of(o); got != want {
			t.Errorf("%s: %q, not %q", text, got, want)
		}
	}
	for _, text := range []string{"", ".", "a.", ".a", "a..b"} {
		if got := OfHost(text); got != text {
			t.Errorf("%q, no host: %q", text, got)
		}
	}
}

func TestIsPublicSuffix(t *testing.T) {
	for text, want := range map[string]bool{
		"https://fr": true, "https://asso.fr": true, "https://github.io": true, "https://intranet": true,
		"https://example.fr": false, "https://192.0.2.7": false, "https://[::1]": false,
	} {
		if o, err := origin.Parse(text); err != nil || IsPublicSuffix(o) != want {
			t.Errorf("%s: a public suffix: %v, %v", text, IsPublicSuffix(o), err)
		}
	}
}
