package browserlab

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"image"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	_ "modernc.org/sqlite"

	"github.com/cpx-bridge/cpx-bridge/agent/browsers"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// The form of a site that asks browsers for nothing, and that of the portal.
const (
	plainForm  = "/plain"
	portalForm = "/portal"
)

var forms = map[string]string{
	plainForm:  `<form method="post"><input id="service" name="service"><input id="username" name="username" autocomplete="username"><input id="password" name="password" type="password" autocomplete="current-password"><button>TEST</button></form>`,
	portalForm: `<form method="post" autocomplete="off"><input id="service" name="service" autocomplete="off"><input id="username" name="username" autocomplete="off"><input id="password" name="password" type="password" autocomplete="one-time-code"><button>TEST</button></form>`,
}

const typedService, typedName, typedPassword = "SERVICE TEST", "test.person", "Secret-TEST-2026"

// formSite has the forms, and a page that is shown after each.
func formSite(t *testing.T) (origin string) {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if r.Method == http.MethodPost {
			http.Redirect(w, r, "/done", http.StatusSeeOther)
			return
		}
		text := forms[r.URL.Path]
		if text == "" {
			text = `<h1 id="done">TEST</h1>`
		}
		fmt.Fprint(w, "<!doctype html><title>TEST</title>"+text)
	}))
	t.Cleanup(site.Close)
	return strings.Replace(site.URL, "127.0.0.1", "localhost", 1)
}

// copiedEtc is a copy of /etc without policies.
func copiedEtc(t *testing.T, dir string) string {
	t.Helper()
	etc, err := CopyEtc(t.Context(), dir)
	if errors.Is(err, ErrNoNamespace) && os.Geteuid() != 0 {
		// Browsers read these policies in /etc alone, which is the machine's own here.
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return etc
}

// sharedEtc is a copy of /etc in which the policies of shared workstations are written.
func sharedEtc(t *testing.T, dir string) string {
	t.Helper()
	etc := copiedEtc(t, dir)
	changes, err := browsers.Plan(browsers.Request{System: browsers.Linux, Browsers: browsers.All, Root: dir, Shared: browsers.SharedSet, OnlyShared: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if err := c.Apply(); err != nil {
			t.Fatal(err)
		}
	}
	return etc
}

// typing is a person at a browser's window.
type typing interface {
	open(ctx context.Context, address string) error
	click(ctx context.Context, selector string) error
	// loaded waits until the page after the form is there.
	loaded(ctx context.Context) error
	// offer is where to click to save the password, nil where the browser does not offer it.
	offer(ctx context.Context) (*image.Point, error)
	// saved are the user names of passwords that it has saved, and what else was typed.
	saved(ctx context.Context) (names, typed []string, err error)
	close()
}

// send types the form of an address as a person does, and sends it.
func send(ctx context.Context, s *screen, w typing, address string) error {
	if err := w.open(ctx, address); err != nil {
		return err
	}
	for _, field := range [][2]string{{"#service", typedService}, {"#username", typedName}, {"#password", typedPassword}} {
		if err := w.click(ctx, field[0]); err != nil {
			return err
		}
		if err := s.xdotool(ctx, "type", field[1]); err != nil {
			return err
		}
	}
	if err := w.click(ctx, "button"); err != nil {
		return err
	}
	return w.loaded(ctx)
}

// TestPasswordsOfSharedWorkstations: with the policies of shared workstations the real
// browsers neither offer to save a password nor remember what was typed; without them
// they do both, and save the password where a person says so.
func TestPasswordsOfSharedWorkstations(t *testing.T) {
	dir, err := os.MkdirTemp("", "cpxb") // sockets have short names
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s, err := newScreen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	shared, without, origin := sharedEtc(t, t.TempDir()), copiedEtc(t, t.TempDir()), formSite(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	start := map[string]func(o browser.Options) (typing, error){
		"Chromium": func(o browser.Options) (typing, error) {
			w, err := startChromium(ctx, s, o)
			if err != nil {
				return nil, err
			}
			return &typingInChromium{w.(*chromium), filepath.Join(o.Home, "profile", "Default")}, nil
		},
		"Firefox": func(o browser.Options) (typing, error) {
			// What automation recommends includes that no password is saved.
			w, err := startFirefox(ctx, s, o, map[string]any{"remote.prefs.recommended": false})
			if err != nil {
				return nil, err
			}
			return typingInFirefox{w.(*firefox)}, nil
		},
	}
	for _, name := range Browsers {
		t.Run(name+" with the policies", func(t *testing.T) {
			w, err := start[name](browser.Options{Home: t.TempDir(), Origin: origin, Etc: shared})
			if err != nil {
				t.Fatal(err)
			}
			defer w.close()
			for range 2 { // an offer of the first time would stand by the end of the second
				if err := send(ctx, s, w, origin+plainForm); err != nil {
					t.Fatal(err)
				}
				if at, err := w.offer(ctx); at != nil || err != nil {
					t.Errorf("it offers to save the password, %v", err)
				}
			}
			if names, typed, err := w.saved(ctx); len(names) > 0 || len(typed) > 0 || err != nil {
				t.Errorf("saved %q and %q, %v", names, typed, err)
			}
		})
		t.Run(name+" without", func(t *testing.T) {
			w, err := start[name](browser.Options{Home: t.TempDir(), Origin: origin, Etc: without})
			if err != nil {
				t.Fatal(err)
			}
			defer w.close()
			if name == "Chromium" { // the only one that goes by what the portal's form asks
				for range 2 {
					if err := send(ctx, s, w, origin+portalForm); err != nil {
						t.Fatal(err)
					}
					if at, err := w.offer(ctx); at != nil || err != nil {
						t.Errorf("it offers to save the portal's password, %v", err)
					}
				}
			}
			if err := send(ctx, s, w, origin+plainForm); err != nil {
				t.Fatal(err)
			}
			offered := func() (image.Point, error) {
				at, err := w.offer(ctx)
				if err != nil || at == nil {
					return image.Point{}, errors.Join(err, errNot)
				}
				return *at, nil
			}
			gone := func() (bool, error) {
				at, err := w.offer(ctx)
				return at == nil, err
			}
			if err := s.clickUntil(ctx, "it offers to save the password", func() (bool, error) { _, err := offered(); return err == nil, nil }, func() (image.Point, error) { return image.Point{}, errNot }); err != nil {
				t.Fatal(err)
			}
			if err := s.clickUntil(ctx, "the password is saved", gone, offered); err != nil {
				t.Fatal(err)
			}
			names, typed, err := w.saved(ctx)
			if !slices.Contains(names, typedName) || !slices.Contains(typed, typedService) || err != nil {
				t.Errorf("saved %q and %q, %v", names, typed, err)
			}
		})
	}
}

type typingInChromium struct {
	*chromium
	profile string
}

func (c *typingInChromium) click(ctx context.Context, selector string) error {
	tab, cancel := c.within(ctx)
	defer cancel()
	return browser.Within(tab, patience, browser.Click(selector))
}

func (c *typingInChromium) loaded(ctx context.Context) error {
	tab, cancel := c.within(ctx)
	defer cancel()
	return browser.Within(tab, patience, browser.Visible("#done"))
}

// saveNames are the names of the button that saves.
var saveNames = []string{"Enregistrer", "Save"}

func (c *typingInChromium) offer(ctx context.Context) (*image.Point, error) {
	programs, err := c.screen.programs(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range programs {
		if b, ok := p.find(ctx, "push button", func(name string) bool { return slices.Contains(saveNames, name) }); ok {
			at, err := b.middle(ctx)
			return &at, err
		}
	}
	return nil, nil
}

// saved reads the browser's own files, which it has written by its end.
func (c *typingInChromium) saved(context.Context) (names, typed []string, err error) {
	if err := chromedp.Cancel(c.tab); err != nil {
		return nil, nil, err
	}
	if names, err = rows(filepath.Join(c.profile, "Login Data"), "SELECT username_value FROM logins"); err != nil {
		return nil, nil, err
	}
	typed, err = rows(filepath.Join(c.profile, "Web Data"), "SELECT value FROM autofill")
	return names, typed, err
}

type typingInFirefox struct{ *firefox }

func (f typingInFirefox) click(ctx context.Context, selector string) error {
	return f.fox.Click(ctx, selector)
}

func (f typingInFirefox) loaded(ctx context.Context) error {
	return f.await(ctx, "the page after the form is there", `document.readyState === "complete" && !!document.querySelector("#done")`)
}

func (f typingInFirefox) offer(ctx context.Context) (*image.Point, error) {
	var at *[2]float64
	err := f.fox.InBrowser(ctx, `const w = Services.wm.getMostRecentWindow("navigator:browser");
		const { panel } = w.PopupNotifications, n = panel.firstElementChild;
		if (panel.state !== "open" || n?.id !== "password-notification") return null;
		const r = n.button.getBoundingClientRect();
		return [n.button.screenX + r.width / 2, n.button.screenY + r.height / 2];`, &at)
	if err != nil || at == nil {
		return nil, err
	}
	p := point(*at)
	return &p, nil
}

func (f typingInFirefox) saved(ctx context.Context) (names, typed []string, err error) {
	var got struct{ Names, Typed []string }
	err = f.fox.InBrowser(ctx, `const { FormHistory } = ChromeUtils.importESModule("resource://gre/modules/FormHistory.sys.mjs");
		const Names = (await Services.logins.getAllLogins()).map((l) => l.username);
		return { Names, Typed: (await FormHistory.search(["value"], {})).map((e) => e.value) };`, &got)
	return got.Names, got.Typed, err
}

// rows are the texts of the first column; none where the browser has made no such file.
func rows(file, query string) (found []string, err error) {
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	list, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer list.Close()
	for list.Next() {
		var text string
		if err := list.Scan(&text); err != nil {
			return nil, err
		}
		found = append(found, text)
	}
	return found, list.Err()
}
