package stack

import (
	"context"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// Step is one action of a person in the browser, and what must then be visible.
type Step struct {
	Name string
	File string // the picture's name
	PIN  bool   // the person is asked for the PIN in it
	Do   func(tab context.Context) error
}

// stepLimit bounds one step, which waits for what must appear and not for a time.
const stepLimit = 45 * time.Second

// DemoPIN is the script of the pinentry that replaces the person.
func DemoPIN() map[string]any {
	return map[string]any{"pin": []string{"1234"}, "confirm": []string{"ok"}}
}

// LoginSteps are the main job: attach the card once, log out, log in with one
// click.
func LoginSteps(s *Stack) []Step { return StepsOf(s, s.Cards[0], Username, Display) }

// StepsOf are LoginSteps of any card's holder, whose account has these names.
func StepsOf(s *Stack, card Card, username, display string) []Step {
	return []Step{
		{Name: "the portal's home page", File: "home", Do: func(tab context.Context) error {
			return browser.Within(tab, stepLimit, chromedp.Navigate(s.Origin+"/"), browser.Visible("#card-login"))
		}},
		{Name: "click on the card button: PIN, signature, first connection", File: "first-connection", PIN: true, Do: func(tab context.Context) error {
			return browser.Within(tab, stepLimit, browser.Click("#card-login"), browser.Visible("#attach-form"),
				browser.Shows("#holder-identifier", card.Identifier))
		}},
		{Name: "user name and password: the confirmation", File: "confirmation", Do: func(tab context.Context) error {
			return browser.Within(tab, stepLimit,
				browser.Fill("#attach-form [name=region]", Region), browser.Fill("#attach-form [name=service]", Service),
				browser.Fill("#attach-form [name=username]", username), browser.Fill("#attach-form [name=password]", Password),
				browser.Click("#attach-form button[type=submit]"), browser.Visible("#confirm-attach"),
				browser.Shows("main", card.Identifier), browser.Shows("main", display))
		}},
		{Name: "the card is attached: the professional's space", File: "space", Do: func(tab context.Context) error {
			return browser.Within(tab, stepLimit, browser.Click("#confirm-attach"), browser.Visible("#attached-cards"),
				browser.Shows("#account-name", display), browser.Shows("#attached-cards", card.Identifier))
		}},
		{Name: "log out", File: "logged-out", Do: func(tab context.Context) error {
			return browser.Within(tab, stepLimit, browser.Click("#logout"), browser.Visible("#card-login"))
		}},
		{Name: "log in with one click", File: "one-click", PIN: true, Do: func(tab context.Context) error {
			return browser.Within(tab, stepLimit, browser.Click("#card-login"), browser.Visible("#attached-cards"),
				browser.Shows("#account-name", display), browser.Shows("#account-identifier", card.Identifier))
		}},
	}
}
