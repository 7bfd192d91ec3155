package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/stack/browser"
)

// Step is one thing a person does in the browser, and what must then be seen.
type Step struct {
	Name string
	File string // the picture's name
	Do   func(tab context.Context) error
}

// stepLimit bounds one step; a step waits for what it must see, not for time.
const stepLimit = 45 * time.Second

// DemoPIN is the script of the pinentry that stands for the person's fingers.
func DemoPIN() map[string]any {
	return map[string]any{"pin": []string{"1234"}, "confirm": []string{"ok"}}
}

// LoginSteps are the main job: attach the card once, log out, log in with one
// click.
func LoginSteps(s *Stack) []Step {
	card := s.Cards[0]
	return []Step{
		{"the portal's home page", "home", func(tab context.Context) error {
			return browser.Within(tab, stepLimit, chromedp.Navigate(s.Origin+"/"), visible("#card-login"))
		}},
		{"click on the card button: PIN, signature, first connection", "first-connection", func(tab context.Context) error {
			return errors.Join(
				browser.Within(tab, stepLimit, click("#card-login"), visible("#attach-form")),
				shows(tab, "#holder-identifier", card.Identifier),
			)
		}},
		{"user name and password: the confirmation", "confirmation", func(tab context.Context) error {
			return errors.Join(
				browser.Within(tab, stepLimit,
					fill("#attach-form [name=region]", Region), fill("#attach-form [name=service]", Service),
					fill("#attach-form [name=username]", Username), fill("#attach-form [name=password]", Password),
					click("#attach-form button[type=submit]"), visible("#confirm-attach")),
				shows(tab, "main", card.Identifier), shows(tab, "main", Display),
			)
		}},
		{"the card is attached: the professional's space", "space", func(tab context.Context) error {
			return errors.Join(
				browser.Within(tab, stepLimit, click("#confirm-attach"), visible("#attached-cards")),
				shows(tab, "#account-name", Display), shows(tab, "#attached-cards", card.Identifier),
			)
		}},
		{"log out", "logged-out", func(tab context.Context) error {
			return browser.Within(tab, stepLimit, click("#logout"), visible("#card-login"))
		}},
		{"log in with one click", "one-click", func(tab context.Context) error {
			return errors.Join(
				browser.Within(tab, stepLimit, click("#card-login"), visible("#attached-cards")),
				shows(tab, "#account-name", Display), shows(tab, "#account-identifier", card.Identifier),
			)
		}},
	}
}

func visible(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(chromedp.CSS(selector))
}

// click waits until the element can be clicked, and clicks.
func click(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector))
}

func fill(selector, value string) chromedp.Action[chromedp.Void] {
	return chromedp.SetValue(chromedp.CSS(selector), value)
}

// shows is an error unless the element's text comes to hold what must be seen.
// The page is asked itself: the browser's numbers of its nodes are taken back
// while a page is still being put together.
func shows(tab context.Context, selector, want string) error {
	ctx, cancel := context.WithTimeout(tab, stepLimit)
	defer cancel()
	script := fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector)
	for {
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
		if err == nil && strings.Contains(text, want) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s shows %q, which does not hold %q", selector, text, want), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
