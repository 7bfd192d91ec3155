// Package browser drives a real Chromium or Firefox with a throwaway profile, for
// the demonstration and the end-to-end tests. Its functions may be called
// concurrently. It never touches the person's own profile and trust stores.
package browser

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// ErrNone says that no usable browser was found, and how to get one.
var ErrNone = errors.New("no Chromium or Chrome was found: install one (on Debian: apt-get install chromium), or name its program in BROWSER; a snap cannot be used, because it cannot open a throwaway profile")

// Find returns the browser's program: BROWSER, else the first on PATH that is not
// a snap.
func Find() (string, error) {
	if named := os.Getenv("BROWSER"); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("BROWSER=%s: %w", named, err)
		}
		return path, nil
	}
	for _, name := range []string{"chromium", "google-chrome-stable", "google-chrome", "chromium-browser"} {
		path, err := exec.LookPath(name)
		if err == nil && !isSnap(path) {
			return path, nil
		}
	}
	return "", ErrNone
}

// isSnap recognises Ubuntu's wrappers: a link into /snap, or a script that calls it.
func isSnap(path string) bool {
	if real, err := filepath.EvalSymlinks(path); err == nil && (strings.HasPrefix(real, "/snap/") || filepath.Base(real) == "snap") {
		return true
	}
	text, err := os.ReadFile(path)
	return err == nil && len(text) < 1<<14 && strings.Contains(string(text), "/snap/bin/")
}

// Options say how to start the browser, and for which site.
type Options struct {
	Home   string // a folder for the throwaway profile
	Origin string // the page's origin
	CAFile string // a CA that the profile trusts, or ""
	Public bool   // treat the origin as one on a public address
	Grant  bool   // grant the origin the right to reach local programs
	Lang   string // "fr" or "en"

	// Display is the X display to show the window on. Without one the browser has no
	// window, and denies by itself what it would ask a person.
	Display string
	// Bus is the session bus on which its window is accessible to screen readers; ""
	// for none.
	Bus string

	Hosts []string // more names of this machine
	Etc   string   // a folder that replaces /etc for it, in a mount namespace; "" for the machine's

	Modify func(*exec.Cmd) // changes the command that starts Chromium, as to whose it is; may be nil
}

// Start starts the browser. The returned context is for chromedp; the function ends
// the browser.
func Start(ctx context.Context, o Options) (context.Context, context.CancelFunc, error) {
	program, err := Find()
	if err != nil {
		return nil, nil, err
	}
	home, err := filepath.Abs(o.Home)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, nil, err
	}
	if o.Etc != "" {
		if program, err = withEtc(home, o.Etc, program); err != nil {
			return nil, nil, err
		}
	}
	if o.CAFile != "" {
		if err := trust(ctx, home, o.CAFile); err != nil {
			return nil, nil, err
		}
	}
	flags, err := flags(program, home, o)
	if err != nil {
		return nil, nil, err
	}
	alloc, cancelAlloc := chromedp.NewExecAllocator(ctx, flags...)
	tab, cancelTab := chromedp.NewContext(alloc)
	cancel := func() { cancelTab(); cancelAlloc() }
	if err := chromedp.Do(tab); err != nil {
		cancel()
		return nil, nil, fmt.Errorf("start %s: %w", program, err)
	}
	if o.Grant {
		if err := grant(tab, o.Origin); err != nil {
			cancel()
			return nil, nil, err
		}
	}
	return tab, cancel, nil
}

func flags(program, home string, o Options) ([]chromedp.ExecAllocatorOption, error) {
	origin, err := url.Parse(o.Origin)
	if err != nil {
		return nil, err
	}
	lang := o.Lang
	if lang == "" {
		lang = "fr"
	}
	list := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program),
		chromedp.UserDataDir(filepath.Join(home, "profile")),
		chromedp.Env("HOME="+home, "LANG=C.UTF-8"),
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("lang", lang), chromedp.Flag("accept-lang", lang),
		chromedp.WindowSize(1280, 900),
	}
	if o.Display == "" {
		list = append(list, chromedp.Flag("headless", "new"))
	} else {
		// The window's own texts are in the system's language.
		list = append(list, chromedp.Env(append(onX(o.Display), "LANGUAGE="+lang)...), chromedp.Flag("ozone-platform", "x11"), chromedp.Flag("window-position", "0,0"))
	}
	if o.Bus != "" {
		// A keyring on that bus would ask for its password.
		list = append(list, chromedp.Env("DBUS_SESSION_BUS_ADDRESS="+o.Bus, "ACCESSIBILITY_ENABLED=1"),
			chromedp.Flag("force-renderer-accessibility", true), chromedp.Flag("password-store", "basic"))
	}
	if os.Geteuid() == 0 || o.Etc != "" { // with an /etc of its own it is root in its namespace
		list = append(list, chromedp.NoSandbox) // Chromium refuses to run with its sandbox as root
	}
	if o.Modify != nil {
		list = append(list, chromedp.ModifyCmdFunc(o.Modify))
	}
	if names := o.names(origin); len(names) > 0 {
		list = append(list, chromedp.Flag("host-resolver-rules", "MAP "+strings.Join(names, " 127.0.0.1, MAP ")+" 127.0.0.1"))
	}
	if o.Public {
		list = append(list, chromedp.Flag("ip-address-space-overrides", "127.0.0.1:"+origin.Port()+"=public"))
	}
	return list, nil
}

// onX is the environment of a window on an X display. It unsets that of Wayland,
// which would take precedence.
func onX(display string) []string {
	return []string{"DISPLAY=" + display, "WAYLAND_DISPLAY=", "XDG_SESSION_TYPE=x11", "MOZ_ENABLE_WAYLAND=0"}
}

// names are this machine's names that no resolver knows.
func (o Options) names(origin *url.URL) []string {
	if name := origin.Hostname(); name != "localhost" {
		return append([]string{name}, o.Hosts...)
	}
	return o.Hosts
}

// withEtc makes a program that starts the browser in a mount namespace of its own,
// where etc replaces /etc. It is for Linux.
func withEtc(home, etc, program string) (string, error) {
	if strings.Contains(etc+program, "'") {
		return "", fmt.Errorf("a quote in the name of %s or %s", etc, program)
	}
	user := ""
	if os.Geteuid() != 0 {
		user = "--user --map-root-user "
	}
	script := fmt.Sprintf("#!/bin/sh\nexec unshare %s--mount sh -c 'mount --bind \"$1\" /etc && shift && exec \"$@\"' sh '%s' '%s' \"$@\"\n", user, etc, program)
	file := filepath.Join(home, "browser-with-etc")
	return file, os.WriteFile(file, []byte(script), 0o700)
}

// trust adds the CA to the profile's own certificate store.
func trust(ctx context.Context, home, caFile string) error {
	db := filepath.Join(home, ".pki", "nssdb")
	if err := os.RemoveAll(db); err != nil {
		return err
	}
	if err := os.MkdirAll(db, 0o700); err != nil {
		return err
	}
	return trustIn(ctx, db, caFile)
}

// trustIn makes a certificate store that trusts the CA.
func trustIn(ctx context.Context, db, caFile string) error {
	for _, args := range [][]string{
		{"-N", "-d", "sql:" + db, "--empty-password"},
		{"-A", "-d", "sql:" + db, "-t", "C,,", "-n", "TEST demonstration CA", "-i", caFile},
	} {
		if out, err := exec.CommandContext(ctx, "certutil", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("certutil: %w\n%s", err, out)
		}
	}
	return nil
}

// grant answers the browser's question whether the site may reach programs on this
// machine, as a person who clicks "Allow" does.
func grant(tab context.Context, origin string) error {
	_, err := chromedp.CallBrowser(tab, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "loopback-network"},
		Setting:    browser.PermissionSettingGranted,
		Origin:     origin,
	})
	return err
}
