package language

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/remembered"
)

func TestOfPerson(t *testing.T) {
	for name, c := range map[string]struct {
		fixed           bool
		setting, chosen string
		desktop         string
		want            string
		warned          bool
	}{
		"policy":               {true, French, `{"lang":"en"}`, "en_GB.UTF-8", French, false},
		"tray":                 {false, French, `{"lang":"en"}`, "fr_FR.UTF-8", English, false},
		"settings":             {false, English, "", "fr_FR.UTF-8", English, false},
		"desktop":              {false, "", "", "en_GB.UTF-8", English, false},
		"tray, then desktop":   {false, "", `{"lang":"en"}`, "fr_FR.UTF-8", English, false},
		"malformed":            {false, English, `{"lang":`, "fr_FR.UTF-8", English, true},
		"unknown language":     {false, English, `{"lang":"de"}`, "fr_FR.UTF-8", English, true},
		"no language":          {false, English, `{}`, "fr_FR.UTF-8", English, true},
		"policy over bad file": {true, French, `{"lang":`, "en_GB.UTF-8", French, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("LC_ALL", c.desktop)
			dir := t.TempDir()
			if c.chosen != "" {
				if err := os.WriteFile(filepath.Join(dir, "language.json"), []byte(c.chosen), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var log bytes.Buffer
			got := OfPerson(c.fixed, c.setting, NewChoice(dir), slog.New(slog.NewTextHandler(&log, nil)))
			if got != c.want || (log.Len() > 0) != c.warned {
				t.Errorf("%q, want %q; log %q", got, c.want, log.String())
			}
		})
	}
}

func TestChoice(t *testing.T) {
	dir := t.TempDir()
	c := NewChoice(dir)
	if lang, err := c.Get(); lang != "" || err != nil {
		t.Errorf("before a choice: %q, %v", lang, err)
	}
	for _, want := range []string{English, French} {
		if err := c.Set(want); err != nil {
			t.Fatal(err)
		}
		if lang, err := NewChoice(dir).Get(); lang != want || err != nil {
			t.Errorf("%q, %v, want %q", lang, err, want)
		}
	}
	for _, lang := range []string{"de", "", "FR"} {
		if err := c.Set(lang); err == nil {
			t.Errorf("%q was stored", lang)
		}
	}
	if lang, err := c.Get(); lang != French || err != nil {
		t.Errorf("after a refusal: %q, %v", lang, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "language.json"))
	if err != nil || string(text) != "{\"lang\":\"fr\"}\n" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

// Without a file for it, nothing was chosen and nothing is stored.
func TestNoChoice(t *testing.T) {
	var c *Choice
	if lang, err := c.Get(); lang != "" || err != nil {
		t.Errorf("%q, %v", lang, err)
	}
	if err := c.Set(French); !errors.Is(err, remembered.ErrNowhere) {
		t.Error(err)
	}
	t.Setenv("LC_ALL", "en_GB.UTF-8")
	if lang := OfPerson(false, "", c, slog.New(slog.DiscardHandler)); lang != English {
		t.Error(lang)
	}
}
