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
func LoginSteps(s *Stack) []Step {
	card := s.Cards[0]
	return []Step{
		{"the portal's home page", "home", func(tab context.Context) error {
			return browser.Within(tab, stepLimit, chromedp.Navigate(s.Origin+"/"), browser.Visible("#card-login"))
		}},
		{"click on the card button: PIN, signature, first connection", "first-connection", func(tab context.Context) error {
			return browser.Within(tab, stepLimit, browser.Click("#card-login"), browser.Visible("#attach-form"),
				browser.Shows("#holder-identifier", card.Identifier))
		}},
		{"user name and password: the confirmation", "confirmation", func(tab context.Context) error {
			return browser.Within(tab, stepLimit,
				browser.Fill("#attach-form [name=region]", Region), browser.Fill("#attach-form [name=service]", Service),
				browser.Fill("#attach-form [name=username]", Username), browser.Fill("#attach-form [name=password]", Password),
				browser.Click("#attach-form button[type=submit]"), browser.Visible("#confirm-attach"),
				browser.Shows("main", card.Identifier), browser.Shows("main", Display))
		}},
		{"the card is attached: the professional's space", "space", func(tab context.Context) error {
			return browser.Within(tab, stepLimit, browser.Click("#confirm-attach"), browser.Visible("#attached-cards"),
				browser.Shows("#account-name", Display), browser.Shows("#attached-cards", card.Identifier))
		}},
		{"log out", "logged-out", func(tab context.Context) error {
			return browser.Within(tab, stepLimit, browser.Click("#logout"), browser.Visible("#card-login"))
		}},
		{"log in with one click", "one-click", func(tab context.Context) error {
			return browser.Within(tab, stepLimit, browser.Click("#card-login"), browser.Visible("#attached-cards"),
				browser.Shows("#account-name", Display), browser.Shows("#account-identifier", card.Identifier))
		}},
	}
}
