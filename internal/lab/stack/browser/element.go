package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/chromedp/chromedp"
)

// What a person sees and clicks is found by scripts that ask the page repeatedly,
// and clicked by its position: while a page loads, the browser's own numbers of its
// nodes become invalid, and an action that uses one fails for no fault of the
// page's.

// seen is a script for whether an element is visible on a page that has loaded:
// before that, the page's scripts may not listen yet.
const seen = `(() => {
  const e = document.querySelector(%s);
  if (!e || document.readyState !== "complete" || e.disabled) return null;
  e.scrollIntoView({block: "nearest", behavior: "instant"});
  const r = e.getBoundingClientRect();
  return r.width > 0 && r.height > 0 && getComputedStyle(e).visibility === "visible" || null;
})()`

// between is the pause between two questions to the page.
const between = 10 * time.Millisecond

func css(selector string) string {
	text, err := json.Marshal(selector)
	if err != nil { // of a string
		panic(err)
	}
	return string(text)
}

// until runs the script in the page until it returns a value that is not null.
func until[T any](ctx context.Context, t *chromedp.Target, what, script string) (T, error) {
	for {
		answer, err := chromedp.Evaluate[*T](script)(ctx, t)
		if err == nil && answer != nil {
			return *answer, nil
		}
		select {
		case <-ctx.Done():
			var none T
			if err == nil {
				err = ctx.Err()
			}
			return none, fmt.Errorf("%s: %w", what, err)
		case <-time.After(between):
		}
	}
}

// Visible waits until the element is visible, on a page that has loaded.
func Visible(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := until[bool](ctx, t, selector+" is not seen", fmt.Sprintf(seen, css(selector)))
		return err
	})
}

// Fill sets a field's value, and sends the page the events of an entry.
func Fill(selector, value string) chromedp.Action[chromedp.Void] {
	script := fmt.Sprintf(`(() => {
  const e = document.querySelector(%s);
  if (!e || document.readyState !== "complete") return null;
  e.focus();
  e.value = %s;
  for (const name of ["input", "change"]) e.dispatchEvent(new Event(name, {bubbles: true}));
  return true;
})()`, css(selector), css(value))
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := until[bool](ctx, t, selector+" cannot be filled", script)
		return err
	})
}

// Shows waits until the element's text contains want.
func Shows(selector, want string) chromedp.Action[chromedp.Void] {
	script := fmt.Sprintf(`document.querySelector(%s)?.innerText.includes(%s) || null`, css(selector), css(want))
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := until[bool](ctx, t, fmt.Sprintf("%s does not show %q", selector, want), script)
		return err
	})
}
