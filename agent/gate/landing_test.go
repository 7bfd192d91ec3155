package gate

import (
	"html"
	"testing"
)

// TestAsHTML: a text of the catalogue can end no element of the page and begin none.
func TestAsHTML(t *testing.T) {
	for _, text := range []string{`a <b> & "c" 'd'`, "« S’identifier »", "</p><script>", "&lt;"} {
		got := asHTML.Replace(text)
		if html.UnescapeString(got) != text {
			t.Errorf("%q is read back as another text: %q", got, html.UnescapeString(got))
		}
		for _, r := range got {
			if r == '<' || r == '>' || r == '"' || r == '\'' {
				t.Errorf("%q has %q", got, r)
			}
		}
	}
}
