package origin

import (
	"encoding/json"
	"errors"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// Checked against an implementation of the URL standard, that of Node.js 20 (Ada):
// new URL(text).origin is the text itself.
func TestAccepted(t *testing.T) {
	for text, want := range map[string]Origin{
		"https://a":                                  {host: "a"},
		"https://a.fr":                               {host: "a.fr"},
		"https://portail.example.fr:8443":            {host: "portail.example.fr", port: 8443},
		"https://a.fr:80":                            {host: "a.fr", port: 80},
		"https://a.fr:1":                             {host: "a.fr", port: 1},
		"https://a.fr:65535":                         {host: "a.fr", port: 65535},
		"https://a_b.example":                        {host: "a_b.example"},
		"https://_.a--b.example":                     {host: "_.a--b.example"},
		"https://xn--hpital-yxa.fr":                  {host: "xn--hpital-yxa.fr"},
		"https://" + strings.Repeat("a", 63) + ".fr": {host: strings.Repeat("a", 63) + ".fr"},
		"https://" + strings.Repeat("abcdefg.", 30) + "abcdefg": {host: strings.Repeat("abcdefg.", 30) + "abcdefg"}, // 255
		"https://localhost":      {host: "localhost"},
		"https://localhost:8080": {host: "localhost", port: 8080},
		// A last label that only begins with a digit is not a number.
		"https://portail.4hopital":      {host: "portail.4hopital"},
		"https://portail.4hopital:8443": {host: "portail.4hopital", port: 8443},
		"https://4hopital":              {host: "4hopital"},
		"https://a.1x":                  {host: "a.1x"},
		"https://a.0xyz":                {host: "a.0xyz"},
		"https://0xg":                   {host: "0xg"},
		"https://1.2.fr":                {host: "1.2.fr"},
		"https://192.0.2.7":             {host: "192.0.2.7", ip: true},
		"https://192.0.2.7:4433":        {host: "192.0.2.7", port: 4433, ip: true},
		"https://0.0.0.0":               {host: "0.0.0.0", ip: true},
		"https://[::]":                  {host: "::", ip: true},
		"https://[::1]":                 {host: "::1", ip: true},
		"https://[2001:db8::1]":         {host: "2001:db8::1", ip: true},
		"https://[2001:db8::1]:444":     {host: "2001:db8::1", port: 444, ip: true},
		"https://[1:0:2:3:4:5:6:7]":     {host: "1:0:2:3:4:5:6:7", ip: true},
		"https://[1:0:0:2::3]":          {host: "1:0:0:2::3", ip: true},
		"https://[1::2:0:0:3]":          {host: "1::2:0:0:3", ip: true},
		"https://[::ffff:7f00:1]":       {host: "::ffff:7f00:1", ip: true},
		"https://[::ffff:0:0]":          {host: "::ffff:0:0", ip: true},
		"https://[::7f00:1]":            {host: "::7f00:1", ip: true},
		"http://localhost":              {host: "localhost", plain: true},
		"http://localhost:8080":         {host: "localhost", port: 8080, plain: true},
		"http://localhost:443":          {host: "localhost", port: 443, plain: true},
		"http://127.0.0.1":              {host: "127.0.0.1", plain: true, ip: true},
		"http://127.0.0.1:3000":         {host: "127.0.0.1", port: 3000, plain: true, ip: true},
	} {
		want.text = text
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for kind, texts := range map[string][]string{
		"no origin":        {"", "null", "file://", "file:///a", "portail.example", "chrome-extension://abc", "moz-extension://abc", "wss://a.fr", "ftp://a", "about:blank", "blob:https://a.fr"},
		"scheme":           {"https:", "https:/", "https://", "https:///", "https:a.fr", "https:/a.fr", "HTTPS://a.fr", " https://a.fr", "://a.fr", "https://https://a.fr"},
		"letter case":      {"https://A.fr", "https://a.FR", "https://[2001:DB8::1]", "http://LOCALHOST", "https://0XFF"},
		"more than origin": {"https://a.fr/", "https://a.fr?", "https://a.fr#", "https://a.fr#x", "https://a.fr?x", "http://localhost/", "https://a.fr/x", "https://a.fr\\", "https://u@a.fr", "https://u:p@a.fr", "https://a.fr:443@b.fr", "https://@a.fr"},
		"dots":             {"https://a.fr.", "https://.", "https://.a", "https://a..fr", "https://a.fr.:8443", "https://192.0.2.7.", "https://[::1].", "http://localhost."},
		"characters":       {"https://a b.fr", "https://a.fr ", "https://a.fr\n", "https://a.fr\x00", "https://é.fr", "https://%61.fr", "https://a%2efr", "https://*.a.fr", "https://a!b.fr", "https://a,b.fr", "https://a。fr", "https://a\u00adb.fr", "https://\xff.fr", "https://K.fr"},
		"hyphens":          {"https://-a.fr", "https://a-.fr", "https://a.-", "https://xn--.fr"},
		"port":             {"https://a.fr:", "https://a.fr:443", "https://a.fr:0", "https://a.fr:00", "https://a.fr:0443", "https://a.fr:65536", "https://a.fr:99999999999999999999", "https://a.fr:+80", "https://a.fr:-1", "https://a.fr:8 ", "https://a.fr:0x50", "https://a:1:2", "https://:8443", "https://a.fr:٣", "http://localhost:80", "http://127.0.0.1:80"},
		// A last label that is a number makes the host an IPv4 address, which has
		// one form only.
		"IPv4":   {"https://1", "https://4", "https://a.4", "https://a.08", "https://192.0.2", "https://1.2.3", "https://192.0.2.07", "https://192.0.2.256", "https://1.2.3.4.5", "https://127.1", "https://2130706433", "https://0x7f.1", "https://0x7f000001", "https://a.0x", "https://a.0xff", "https://1.1.1.0x1", "https://09.1.1.1", "https://[192.0.2.7]"},
		"IPv6":   {"https://[]", "https://[", "https://]", "https://[::1", "https://::1", "https://[::1]x", "https://[::1]]", "https://[[::1]]", "https://[::1%lo]", "https://[::1%25lo]", "https://[fe80::1%eth0]", "https://[::ffff:127.0.0.1%25eth0]", "https://[2001:db8:0::1]", "https://[2001:0db8::1]", "https://[0:0:0:0:0:0:0:1]", "https://[1:2:3:4:5:6::7]", "https://[::ffff:127.0.0.1]", "https://[::127.0.0.1]", "https://[64:ff9b::1.2.3.4]", "https://[::ffff:07f0:1]", "https://[::1]:443"},
		"length": {"https://" + strings.Repeat("a", 64) + ".fr", "https://" + strings.Repeat("abcdefg.", 30) + "abcdefgh", "https://" + strings.Repeat("a.", 130) + "fr", "https://" + strings.Repeat("abcdefg.", 29) + "abcdefg:1234567890123456"},
	} {
		for _, text := range texts {
			if got, err := Parse(text); !errors.Is(err, ErrMalformed) || got != (Origin{}) {
				t.Errorf("%s: %q: %+v, %v", kind, text, got, err)
			}
		}
	}
}

// Plain http is for this machine alone, by the names that no network resolves.
func TestPlainHTTP(t *testing.T) {
	for _, text := range []string{"http://a.fr", "http://127.0.0.2", "http://[::1]", "http://localhost.example", "http://a.localhost", "http://192.0.2.7:8080", "http://[::ffff:7f00:1]"} {
		if _, err := Parse(text); !errors.Is(err, ErrPlainHTTP) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestParts(t *testing.T) {
	for text, want := range map[string]struct {
		host                 string
		port                 int
		spelled, ip, onLocal bool
	}{
		"https://a.fr":              {"a.fr", 443, false, false, false},
		"https://a.fr:8443":         {"a.fr", 8443, true, false, false},
		"https://[2001:db8::1]:444": {"2001:db8::1", 444, true, true, false},
		"http://localhost":          {"localhost", 80, false, false, true},
		"http://127.0.0.1:3000":     {"127.0.0.1", 3000, true, true, true},
	} {
		o, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if o.String() != text || o.Host() != want.host || o.Port() != want.port || o.HasPort() != want.spelled || o.IsIP() != want.ip || o.IsLoopbackHTTP() != want.onLocal {
			t.Errorf("%s: %+v", text, o)
		}
	}
}

// The error quotes what was refused, but not at any length.
func TestErrorIsShort(t *testing.T) {
	_, err := Parse("https://" + strings.Repeat("a", 1<<20))
	if err == nil || len(err.Error()) > 2*MaxLength || !strings.Contains(err.Error(), "https://aaa") {
		t.Errorf("%.600v", err)
	}
}

// FuzzParse: another parser of URLs reads an accepted origin in the same way, its parts
// make up the whole, and an implementation of the URL standard writes it just so.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"https://portail.example.fr:8443", "https://portail.4hopital", "https://192.0.2.7", "https://1.2.0x3", "https://[2001:db8::1]:444", "https://[::ffff:127.0.0.1]",
		"http://localhost", "http://127.0.0.1:3000", "https://xn--hpital-yxa.fr", "https://a_b.fr:0443", "https://a.fr.", "https://u@a.fr", "null",
	} {
		f.Add(seed)
	}
	browser := urlStandard(f)
	f.Fuzz(func(t *testing.T, text string) {
		o, err := Parse(text)
		if err != nil {
			if o != (Origin{}) || !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrPlainHTTP) || len(err.Error()) > 8*MaxLength {
				t.Errorf("%q is refused with %+v, %v", text, o, err)
			}
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.Hostname() != o.Host() || u.Port() != "" != o.HasPort() || u.User != nil || u.Path+u.RawQuery+u.Fragment != "" {
			t.Fatalf("%q: %+v, and another reader sees %+v, %v", text, o, u, err)
		}
		if got := joined(o); got != text || len(text) > MaxLength || text != strings.ToLower(text) || strings.HasSuffix(text, ".") {
			t.Errorf("%q was accepted; its parts make %q", text, got)
		}
		if got := browser(text); got != text && !strings.Contains(text, "xn--") {
			t.Errorf("%q was accepted, and a browser writes %q", text, got)
		}
	})
}

// urlStandard returns what a browser would send as the origin of a page at a URL, by
// the URL standard as Node.js has it; where there is no Node.js, the text itself.
func urlStandard(f *testing.F) func(string) string {
	program, err := exec.LookPath("node")
	if err != nil {
		return func(text string) string { return text }
	}
	cmd := exec.Command(program, "-e", `require("readline").createInterface({input: process.stdin}).on("line", line => {
		let origin = "";
		try { origin = new URL(JSON.parse(line)).origin } catch {}
		process.stdout.write(JSON.stringify(origin) + "\n");
	})`)
	in, err := cmd.StdinPipe()
	if err != nil {
		f.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		f.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		_ = in.Close() // at which it ends
		_ = cmd.Wait()
	})
	questions, answers := json.NewEncoder(in), json.NewDecoder(out)
	return func(text string) (origin string) {
		if err := errors.Join(questions.Encode(text), answers.Decode(&origin)); err != nil {
			f.Fatal(err)
		}
		return origin
	}
}

// joined puts an origin together from its parts.
func joined(o Origin) string {
	text, host := "https://", o.Host()
	if o.IsLoopbackHTTP() {
		text = "http://"
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if o.HasPort() {
		host += ":" + strconv.Itoa(o.Port())
	}
	return text + host
}
