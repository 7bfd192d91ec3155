package browserlab

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"net/url"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// firefox is a window of Firefox. Its question is found by scripts in the browser
// itself, and clicked on with the mouse.
type firefox struct {
	screen *screen
	fox    *browser.Firefox
	host   string // the portal's, whose page may be in a frame
	framed bool
}

// asking makes an older Firefox ask as the release that asks first, and identify as
// it.
func asking() map[string]any {
	return map[string]any{
		"network.lna.enabled": true, "network.lna.blocking": true, "network.lna.websocket.enabled": true,
		"general.useragent.override": fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%[1]d.0", release),
	}
}

func startFirefox(ctx context.Context, s *screen, o browser.Options, prefs map[string]any) (window, error) {
	origin, err := url.Parse(o.Origin)
	if err != nil {
		return nil, err
	}
	o.Display = s.display
	fox, err := browser.StartFirefox(ctx, o, prefs)
	if err != nil {
		return nil, err
	}
	return &firefox{screen: s, fox: fox, host: origin.Host}, nil
}

func (f *firefox) close() { f.fox.Close() }

func (f *firefox) open(ctx context.Context, address string) error {
	if err := f.fox.Navigate(ctx, address); err != nil {
		return err
	}
	at, err := url.Parse(address)
	if err != nil {
		return err
	}
	if f.framed = at.Host != f.host; f.framed {
		return f.fox.Frame(ctx, "iframe")
	}
	return nil
}

func (f *firefox) read(ctx context.Context) (v view, err error) {
	return v, f.fox.Value(ctx, viewScript, &v)
}

func (f *firefox) press(ctx context.Context) error { return f.fox.Click(ctx, cardButton) }

func (f *firefox) question(ctx context.Context) (*question, error) {
	var q *struct {
		Text    string
		Buttons map[string][2]float64
	}
	err := f.fox.InBrowser(ctx, `const w = Services.wm.getMostRecentWindow("navigator:browser");
		const { panel } = w.PopupNotifications, n = panel.firstElementChild;
		if (panel.state !== "open" || n?.id !== "loopback-network-notification") return null;
		const Buttons = {};
		for (const b of [n.button, n.secondaryButton]) {
			const r = b.getBoundingClientRect();
			Buttons[b.getAttribute("label")] = [b.screenX + r.width / 2, b.screenY + r.height / 2];
		}
		return { Text: n.querySelector(".popup-notification-description").textContent.trim(), Buttons };`, &q)
	if err != nil || q == nil {
		return nil, err
	}
	found := &question{q.Text, map[string]image.Point{}}
	for name, at := range q.Buttons {
		found.Buttons[name] = point(at)
	}
	return found, nil
}

// margin is a point of the screen where the portal's page is empty.
var margin = image.Pt(60, 700)

// wave presses Escape, which is Firefox's "Block", because its question has no
// cross. First it clicks on the window, as a person has done, to give it the
// keyboard.
func (f *firefox) wave(ctx context.Context, _ *question) error {
	if err := f.screen.click(ctx, margin); err != nil {
		return err
	}
	if err := f.await(ctx, "the page has the keyboard", `document.hasFocus()`); err != nil {
		return err
	}
	return f.screen.press(ctx, "Escape")
}

// focus clicks on the card button, which during a login does nothing else.
func (f *firefox) focus(ctx context.Context) error {
	page := browser.Page{Evaluate: f.fox.Value, Press: func(ctx context.Context, x, y float64) error {
		var at [2]float64
		if err := f.fox.Value(ctx, `[mozInnerScreenX, mozInnerScreenY]`, &at); err != nil {
			return err
		}
		return f.screen.click(ctx, image.Pt(int(at[0]+x), int(at[1]+y)))
	}}
	if err := page.Click(ctx, cardButton); err != nil {
		return err
	}
	return f.await(ctx, "the card button has the keyboard", fmt.Sprintf(`document.hasFocus() && document.activeElement.matches(%q)`, cardButton))
}

// await polls the page until the expression is true.
func (f *firefox) await(ctx context.Context, what, expression string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		var yes bool
		err := f.fox.Value(ctx, expression, &yes)
		if err == nil && yes {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w that %s: %w", errNot, what, cmp.Or(err, ctx.Err()))
		case <-time.After(between):
		}
	}
}
