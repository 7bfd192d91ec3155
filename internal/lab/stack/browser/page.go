package browser

import (
	"context"
	"os"
	"time"

	"github.com/chromedp/chromedp"
)

// Picture saves what the tab shows as a PNG.
func Picture(tab context.Context, path string) error {
	png, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	if err != nil {
		return err
	}
	return os.WriteFile(path, png, 0o600)
}

// PageText is the page's text, for messages about a failed step.
func PageText(tab context.Context) string {
	ctx, cancel := context.WithTimeout(tab, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.location.href + '\\n' + document.body.innerText"))
	if err != nil {
		return ""
	}
	return text
}

// Within gives a page's step a time limit.
func Within(tab context.Context, d time.Duration, steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(tab, d)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}
