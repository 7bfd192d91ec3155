package portal

import (
	"os"
	"strings"
	"testing"
)

// The portal sends the headers that the developers' document shows.
func TestHeadersOfTheDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/portal-developers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```http\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("docs/portal-developers.md shows no headers")
	}
	s := newSite(t)
	sent := s.browser(t).get("/").Header
	shown := 0
	for line := range strings.Lines(block) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		shown++
		if got := sent.Get(name); got != value {
			t.Errorf("%s\nshown %s\nsent  %s", name, value, got)
		}
	}
	if shown != 2 {
		t.Errorf("%d headers shown", shown)
	}
}
