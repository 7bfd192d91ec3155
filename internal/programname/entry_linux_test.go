package programname

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// firefoxEntry is what a distribution installs, abridged.
const firefoxEntry = `[Desktop Entry]
Name=Firefox Web Browser
Name[fr]=Navigateur Web Firefox
GenericName=Web Browser
GenericName[fr]=Navigateur Web
Exec=/usr/lib/firefox/firefox %u
Type=Application
Categories=Network;WebBrowser;
Actions=private;

[Desktop Action private]
Name=Private Window
Exec=/usr/lib/firefox/firefox --private-window %u
`

// TestBrowser: which entries name a browser, and how.
func TestBrowser(t *testing.T) {
	with := func(old, replacement string) string { return strings.Replace(firefoxEntry, old, replacement, 1) }
	exec := func(value string) string { return with("/usr/lib/firefox/firefox %u", value) }
	const none = "(no entry)"
	for what, c := range map[string]struct{ content, english, french, program string }{
		"as installed":          {firefoxEntry, "Firefox", "Firefox", "/usr/lib/firefox/firefox"},
		"lines of Windows":      {strings.ReplaceAll(firefoxEntry, "\n", "\r\n"), "Firefox", "Firefox", "/usr/lib/firefox/firefox"},
		"comment before":        {"# é\n\n" + firefoxEntry, "Firefox", "Firefox", "/usr/lib/firefox/firefox"},
		"its kind alone":        {with("Name=Firefox Web Browser", "Name=Web Browser"), "Web Browser", "Firefox", "/usr/lib/firefox/firefox"},
		"no French name":        {with("Name[fr]=Navigateur Web Firefox", "Name[de]=Firefox-Webbrowser"), "Firefox", "Firefox", "/usr/lib/firefox/firefox"},
		"French of France":      {with("Name[fr]=", "Name[fr_FR]="), "Firefox", "Firefox", "/usr/lib/firefox/firefox"},
		"turned round":          {with("Firefox Web Browser", "Fire\u202exof"), "Fire\uFFFDxof", "Firefox", "/usr/lib/firefox/firefox"},
		"several lines":         {with("Firefox Web Browser", `A\nB`), "A\uFFFDB", "Firefox", "/usr/lib/firefox/firefox"},
		"endless":               {with("Firefox Web Browser", strings.Repeat("a", 500)), strings.Repeat("a", 29) + "…" + strings.Repeat("a", 30), "Firefox", "/usr/lib/firefox/firefox"},
		"found on the way":      {exec("firefox %U"), "Firefox", "Firefox", "firefox"},
		"quoted":                {exec(`"/opt/A \"b\" \\$c/firefox" %U`), "Firefox", "Firefox", `/opt/A "b" $c/firefox`},
		"with variables":        {exec("env MOZ_X=1 A=b /snap/bin/firefox %u"), "Firefox", "Firefox", "/snap/bin/firefox"},
		"a site of its own":     {exec("/usr/bin/chromium --app=https://banque.example"), "Firefox", "Firefox", ""},
		"a site's number":       {exec("/opt/google/chrome/google-chrome --profile-directory=Default --app-id=abc"), "Firefox", "Firefox", ""},
		"a page":                {exec("firefox https://banque.example"), "Firefox", "Firefox", ""},
		"a profile":             {exec("firefox -P banque %u"), "Firefox", "Firefox", ""},
		"an interpreter":        {exec("/usr/bin/python3 /usr/share/x/browser.py %u"), "Firefox", "Firefox", ""},
		"a shell":               {exec(`sh -c "exec firefox"`), "Firefox", "Firefox", ""},
		"options of env":        {exec("env -S firefox"), "Firefox", "Firefox", ""},
		"nothing but env":       {exec("env A=1"), "Firefox", "Firefox", ""},
		"a quote without end":   {exec(`"/usr/lib/firefox/firefox`), "Firefox", "Firefox", ""},
		"nothing to start":      {exec(""), "Firefox", "Firefox", ""},
		"what is opened starts": {exec("%u"), "Firefox", "Firefox", ""},

		"removed":                     {with("Type=Application", "Type=Application\nHidden=true"), none, "", ""},
		"a link":                      {with("Type=Application", "Type=Link"), none, "", ""},
		"no browser":                  {with("Network;WebBrowser;", "Network;Email;"), none, "", ""},
		"a browser by half":           {with("WebBrowser;", "WebBrowserLike;"), none, "", ""},
		"no name":                     {with("Name=Firefox Web Browser\n", ""), none, "", ""},
		"a name that is blank":        {with("Firefox Web Browser", `\s\s`), none, "", ""},
		"two names":                   {with("GenericName=", "Name=Other\nGenericName="), none, "", ""},
		"two groups":                  {firefoxEntry + "[Desktop Entry]\nName=Other\n", none, "", ""},
		"another group first":         {"[Other]\nA=b\n" + firefoxEntry, none, "", ""},
		"a key before any group":      {"Name=Other\n" + firefoxEntry, none, "", ""},
		"a group without end":         {with("[Desktop Entry]", "[Desktop Entry"), none, "", ""},
		"no key":                      {firefoxEntry + "text\n", none, "", ""},
		"a category in another group": {with("Categories=", "X=") + "Categories=WebBrowser;\n", none, "", ""},
		"not UTF-8":                   {with("Firefox Web Browser", "Firefox\xff"), none, "", ""},
		"with zeros":                  {with("Firefox Web Browser", "Firefox\x00"), none, "", ""},
		"empty":                       {"", none, "", ""},
	} {
		e, ok := browser("/usr/share/applications/firefox.desktop", []byte(c.content))
		if !ok {
			if c.english != none {
				t.Errorf("%s: no entry", what)
			}
			continue
		}
		if e.names.english != c.english || e.names.french != c.french || e.program != c.program || e.id != "firefox" {
			t.Errorf("%s: %+v", what, e)
		}
	}
}

// otherReader is another reader of the first group, written otherwise: the values of a key
// in it.
func otherReader(content, key string) (values []string) {
	content = "\n" + strings.ReplaceAll(content, "\r", "")
	_, group, _ := strings.Cut(content, "\n[")
	group, _, _ = strings.Cut(group, "\n[")
	for _, line := range strings.Split(group, "\n") {
		if name, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == key {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

// FuzzEntry: whatever a file has in it, a browser's name is one that stands in the one
// group for it, is safe to show, and what it starts has nothing behind it.
func FuzzEntry(f *testing.F) {
	f.Fuzz(func(t *testing.T, content []byte) {
		var e entry
		var ok bool
		if spent := fuzzing.Spent(func() { e, ok = browser("/x/y.desktop", content) }); spent > fuzzing.Air+200*uint64(len(content)) {
			t.Errorf("%d bytes for %d", spent, len(content))
		}
		if !ok {
			return
		}
		text := string(content)
		for _, name := range []string{e.names.english, e.names.french} {
			if name == "" || name != shown(name) || !utf8.ValidString(name) || len([]rune(name)) > maxName || strings.ContainsAny(name, "\r\n\x00\u202e") {
				t.Errorf("%q", name)
			}
		}
		if got := otherReader(text, "Name"); len(got) != 1 || !strings.Contains(e.names.english, "…") && !strings.Contains(visible.Text(unescaped(got[0])), e.names.english) {
			t.Errorf("%q of %q", e.names.english, got)
		}
		if got := otherReader(text, "Categories"); len(got) != 1 || !strings.Contains(";"+got[0]+";", ";WebBrowser;") {
			t.Errorf("a browser by %q", got)
		}
		exec := otherReader(text, "Exec")
		if e.program == "" || len(exec) == 1 && strings.ContainsAny(exec[0], "\"\\") {
			return // what is quoted has rows of its own
		}
		if len(exec) != 1 {
			t.Fatalf("%q is started by %q", e.program, exec)
		}
		var parts []string
		for _, word := range strings.FieldsFunc(exec[0], func(r rune) bool { return r == ' ' || r == '\t' }) {
			env := len(parts) == 0 && (strings.HasSuffix(word, "/env") || word == "env" || strings.Contains(word, "="))
			if code := len(word) == 2 && word[0] == '%'; !env && !code {
				parts = append(parts, word)
			}
		}
		if len(parts) > 1 || len(parts) == 1 && parts[0] != e.program {
			t.Errorf("%q starts %q alone, not %q", exec, e.program, parts)
		}
	})
}
