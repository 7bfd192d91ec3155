package browser

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/chromedp/chromedp"
)

// A click is made with the mouse on what is visible, as a person does it. A browser
// may swallow it: Chromium drops every click on a page whose first frame it has not
// shown yet, and reports it as accepted. On a busy machine that frame comes after
// the page has loaded and its scripts have run. In a page whose layout still
// changes, the click may miss. So the page is asked whether it is shown, and whether
// the click arrived; a click that did not is repeated, once it is certain that it
// will not arrive any more.

// Page is what a click needs of a page in a browser.
type Page struct {
	// Evaluate stores an expression's value in result.
	Evaluate func(ctx context.Context, expression string, result any) error
	// Press presses the mouse's button at a point, in CSS pixels of the page.
	Press func(ctx context.Context, x, y float64) error
}

// swallowed is the time after which a click that the browser accepted and that has
// not arrived counts as lost.
const swallowed = time.Second

// clicks numbers the clicks, so that a page can distinguish them.
var clicks atomic.Int64

// aim is a script for the point where the element can be clicked: null until it
// can, and empty once the click has arrived, which the page records from then on.
const aim = `((id, e) => {
  const key = Symbol.for("click of the tests"), now = document[key];
  if (now?.id === id && now.arrived) return [];
  if (!e || document.readyState !== "complete" || e.disabled) return null;
  e.scrollIntoView({block: "nearest", behavior: "instant"});
  const shown = (document[Symbol.for("frames of the tests")] ??= (() => {
    const shown = {frames: 0}, next = () => ++shown.frames < 2 && requestAnimationFrame(next);
    requestAnimationFrame(next);
    return shown;
  })());
  if (shown.frames < 2) return null; // a second one begins once the first was handed on
  const r = e.getBoundingClientRect();
  if (!(r.width > 0 && r.height > 0) || getComputedStyle(e).visibility !== "visible") return null;
  const at = [r.left + r.width / 2, r.top + r.height / 2];
  const root = e.getRootNode(), hit = root.elementFromPoint(...at);
  if (!e.contains(hit) && hit !== root.host) return null; // the host's own text may stand in e
  if (now?.id === id) {
    now.e = e;
    return at;
  }
  const made = (document[key] = {id, e, arrived: false});
  const note = (event) => {
    made.arrived ||= event.composedPath().includes(made.e);
    if (made.arrived || document[key] !== made) removeEventListener("click", note, true);
  };
  addEventListener("click", note, true);
  return at;
})(%d, %s)`

// arrived is a script for whether the click has arrived, or has led to another page.
const arrived = `(() => {
  const made = document[Symbol.for("click of the tests")];
  return made?.id !== %d || made.arrived;
})()`

// element is a script that finds an element, or one in an element's shadow tree.
func element(selector string, inShadow []string) string {
	return "document.querySelector(" + strings.Join(append([]string{css(selector)}, quoted(inShadow)...), ")?.shadowRoot?.querySelector(") + ")"
}

func quoted(selectors []string) []string {
	var all []string
	for _, s := range selectors {
		all = append(all, css(s))
	}
	return all
}

// Click waits until the element can be clicked, clicks on it, and waits until the
// click has arrived. Each of inShadow is a selector in the shadow tree of the
// element before it.
func (p Page) Click(ctx context.Context, selector string, inShadow ...string) error {
	id := clicks.Add(1)
	for {
		at, err := p.aim(ctx, id, selector, inShadow)
		if err != nil || len(at) == 0 {
			return err
		}
		if err = p.Press(ctx, at[0], at[1]); err == nil && p.arrives(ctx, id) {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the click on %s did not arrive: %w", selector, cmp.Or(err, ctx.Err()))
		}
	}
}

// aim waits until the element can be clicked. A page that is still loading may
// answer with an error.
func (p Page) aim(ctx context.Context, id int64, selector string, inShadow []string) ([]float64, error) {
	script := fmt.Sprintf(aim, id, element(selector, inShadow))
	for {
		var at *[]float64
		err := p.Evaluate(ctx, script, &at)
		if err == nil && at != nil {
			return *at, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s cannot be clicked: %w", strings.Join(append([]string{selector}, inShadow...), " "), cmp.Or(err, ctx.Err()))
		case <-time.After(between):
		}
	}
}

// arrives waits for the click for as long as it may still arrive.
func (p Page) arrives(ctx context.Context, id int64) bool {
	for end := time.Now().Add(swallowed); ; {
		var came bool
		if err := p.Evaluate(ctx, fmt.Sprintf(arrived, id), &came); err == nil && came {
			return true
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return false
		}
		time.Sleep(between)
	}
}

// Click waits until the element can be clicked, clicks on it with the mouse, and
// waits until the click has arrived. Each of inShadow is a selector in the shadow
// tree of the element before it.
func Click(selector string, inShadow ...string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		page := Page{
			Evaluate: func(ctx context.Context, expression string, result any) error {
				text, err := chromedp.Evaluate[json.RawMessage](expression)(ctx, t)
				if err != nil {
					return err
				}
				return json.Unmarshal(text, result)
			},
			Press: func(ctx context.Context, x, y float64) error {
				_, err := chromedp.MouseClickXY(x, y)(ctx, t)
				return err
			},
		}
		return page.Click(ctx, selector, inShadow...)
	})
}
