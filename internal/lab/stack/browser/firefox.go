package browser

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrNoFirefox says that no usable Firefox was found, and how to get one.
var ErrNoFirefox = errors.New("no Firefox was found: install one (on Debian: apt-get install firefox-esr), or name its program in FIREFOX; a snap cannot be used, because it cannot open a throwaway profile")

// FindFirefox returns Firefox's program: FIREFOX, else the first on PATH that
// is not a snap.
func FindFirefox() (string, error) {
	if named := os.Getenv("FIREFOX"); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("FIREFOX=%s: %w", named, err)
		}
		return path, nil
	}
	for _, name := range []string{"firefox-esr", "firefox"} {
		path, err := exec.LookPath(name)
		if err == nil && !isSnap(path) {
			return path, nil
		}
	}
	return "", ErrNoFirefox
}

// Firefox is a real Firefox with a throwaway profile, driven over Marionette, its
// own remote protocol. It is for one caller at a time.
type Firefox struct {
	process *exec.Cmd
	done    chan struct{} // closed when the process has ended

	mu   sync.Mutex
	wire *marionette
}

// StartFirefox starts Firefox. Prefs are set in addition to those that o implies;
// o.Grant has no effect on Firefox.
func StartFirefox(ctx context.Context, o Options, prefs map[string]any) (*Firefox, error) {
	program, err := FindFirefox()
	if err != nil {
		return nil, err
	}
	profile, err := filepath.Abs(filepath.Join(o.Home, "firefox"))
	if err != nil {
		return nil, err
	}
	if err := makeProfile(ctx, profile, o, prefs); err != nil {
		return nil, err
	}
	if o.Etc != "" {
		if program, err = withEtc(profile, o.Etc, program); err != nil {
			return nil, err
		}
	}
	args := []string{"--marionette", "--remote-allow-system-access", "--no-remote", "--profile", profile}
	if o.Display == "" {
		args = append(args, "--headless")
	}
	f := &Firefox{process: exec.Command(program, args...), done: make(chan struct{})}
	f.process.Env = append(append(os.Environ(), onX(o.Display)...), "HOME="+profile, "MOZ_CRASHREPORTER_DISABLE=1")
	// Firefox is several processes, which must end together.
	f.process.SysProcAttr = ownGroup()
	if err := f.process.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	go func() {
		_ = f.process.Wait()
		close(f.done)
	}()
	if err := f.connect(ctx, profile); err != nil {
		f.Close()
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return f, nil
}

func makeProfile(ctx context.Context, profile string, o Options, prefs map[string]any) error {
	if err := errors.Join(os.RemoveAll(profile), os.MkdirAll(profile, 0o700)); err != nil {
		return err
	}
	all, err := preferences(o)
	if err != nil {
		return err
	}
	maps.Copy(all, prefs)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value, err := json.Marshal(all[name])
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "user_pref(%q, %s);\n", name, value)
	}
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(text.String()), 0o600); err != nil {
		return err
	}
	if o.CAFile == "" {
		return nil
	}
	return trustIn(ctx, profile, o.CAFile)
}

func preferences(o Options) (map[string]any, error) {
	origin, err := url.Parse(o.Origin)
	if err != nil {
		return nil, err
	}
	lang := o.Lang
	if lang == "" {
		lang = "fr"
	}
	all := map[string]any{
		"marionette.port": 0, // a free one, which it writes in the profile
		// Nothing leaves the machine, and nothing covers the page.
		"app.normandy.enabled": false, "app.update.enabled": false, "browser.aboutwelcome.enabled": false,
		"browser.shell.checkDefaultBrowser": false, "browser.startup.homepage_override.mstone": "ignore",
		"datareporting.policy.dataSubmissionEnabled": false, "network.captive-portal-service.enabled": false,
		"network.connectivity-service.enabled": false, "services.settings.server": "data:,", "toolkit.telemetry.server": "",
		"intl.accept_languages": lang, "intl.locale.requested": lang, "network.proxy.type": 0,
	}
	if names := o.names(origin); len(names) > 0 {
		all["network.dns.localDomains"] = strings.Join(names, ",")
	}
	if o.Public {
		all["network.lna.address_space.public.override"] = "127.0.0.1:" + origin.Port()
	}
	return all, nil
}

// connect waits for Marionette's port and begins a session.
func (f *Firefox) connect(ctx context.Context, profile string) error {
	for {
		port, err := os.ReadFile(filepath.Join(profile, "MarionetteActivePort"))
		if err == nil && len(port) > 0 {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strings.TrimSpace(string(port))))
			if err == nil {
				f.wire, err = newMarionette(ctx, conn)
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.done:
			return errors.New("the browser ended by itself")
		case <-time.After(between):
		}
	}
}

// Close ends Firefox.
func (f *Firefox) Close() {
	if f.wire != nil {
		_ = f.wire.conn.Close()
	}
	endGroup(f.process)
	<-f.done
}

func (f *Firefox) call(ctx context.Context, command string, params, result any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wire.call(ctx, command, params, result)
}

// Navigate opens an address and waits until it has loaded.
func (f *Firefox) Navigate(ctx context.Context, address string) error {
	return f.call(ctx, "WebDriver:Navigate", map[string]any{"url": address}, nil)
}

// Frame makes later calls address the page in a frame, until the next Navigate.
func (f *Firefox) Frame(ctx context.Context, selector string) error {
	var element map[string]string
	if err := f.call(ctx, "WebDriver:FindElement", map[string]any{"using": "css selector", "value": selector}, value(&element)); err != nil {
		return err
	}
	for _, id := range element {
		return f.call(ctx, "WebDriver:SwitchToFrame", map[string]any{"element": id}, nil)
	}
	return fmt.Errorf("no %s", selector)
}

// Evaluate runs an async function's body in the page and stores what it returns in
// result. It sees the page's globals as the page does.
func (f *Firefox) Evaluate(ctx context.Context, body string, result any) error {
	params := map[string]any{"script": "return (async () => {" + body + "\n})()", "args": []any{}}
	return f.call(ctx, "WebDriver:ExecuteScript", params, value(result))
}

// InBrowser is Evaluate in the browser's own window, which shows its questions to
// the person.
func (f *Firefox) InBrowser(ctx context.Context, body string, result any) error {
	if err := f.call(ctx, "Marionette:SetContext", map[string]any{"value": "chrome"}, nil); err != nil {
		return err
	}
	err := f.Evaluate(ctx, body, result)
	return errors.Join(err, f.call(ctx, "Marionette:SetContext", map[string]any{"value": "content"}, nil))
}

// Click waits until the element can be clicked, clicks on it with the mouse, and
// waits until the click has arrived.
func (f *Firefox) Click(ctx context.Context, selector string) error {
	page := Page{
		Evaluate: f.Value,
		Press: func(ctx context.Context, _, _ float64) error {
			var element map[string]string
			err := f.call(ctx, "WebDriver:FindElement", map[string]any{"using": "css selector", "value": selector}, value(&element))
			for _, id := range element {
				err = f.call(ctx, "WebDriver:ElementClick", map[string]any{"id": id}, nil)
			}
			return err
		},
	}
	return page.Click(ctx, selector)
}

// Value stores an expression's value in the page in result.
func (f *Firefox) Value(ctx context.Context, expression string, result any) error {
	return f.Evaluate(ctx, "return "+expression, result)
}

// Picture saves what the page shows as a PNG.
func (f *Firefox) Picture(ctx context.Context, path string) error {
	var text string
	if err := f.call(ctx, "WebDriver:TakeScreenshot", map[string]any{"full": true}, value(&text)); err != nil {
		return err
	}
	png, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	return os.WriteFile(path, png, 0o600)
}
