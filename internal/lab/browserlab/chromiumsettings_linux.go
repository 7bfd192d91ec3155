package browserlab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// siteNames are of the button beside the address.
var siteNames = []string{"Afficher des informations à propos du site", "View site information"}

// takeBack switches the site's setting on, in what opens at the left of the
// address.
func (c *chromium) takeBack(ctx context.Context, named func(string) bool, shown func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := c.switchOn(ctx, named, shown)
	for ; err != nil; err = c.switchOn(ctx, named, shown) {
		select {
		case <-ctx.Done():
			return err
		case <-time.After(settling):
		}
	}
	return nil
}

// settling is what a window takes, mostly, to show what a click did.
const settling = 500 * time.Millisecond

var errNotYet = errors.New("the site's settings are being opened")

// switchOn does the next step, and fails until all is done.
func (c *chromium) switchOn(ctx context.Context, named func(string) bool, shown func() error) error {
	programs, err := c.screen.programs(ctx)
	if err != nil {
		return err
	}
	for _, program := range programs {
		if toggle, ok := program.find(ctx, "toggle button", named); ok {
			return c.flip(ctx, program, toggle, shown)
		}
	}
	for _, program := range programs {
		if button, ok := program.find(ctx, "push button", func(name string) bool { return slices.Contains(siteNames, name) }); ok {
			return errors.Join(errNotYet, c.clickOn(ctx, button))
		}
	}
	return errors.New("neither the site's setting that the page names nor the button beside the address is there")
}

func (c *chromium) flip(ctx context.Context, program, toggle thing, shown func() error) error {
	if on, err := toggle.pressed(ctx); err != nil || !on {
		return errors.Join(errNotYet, err, shown(), c.clickOn(ctx, toggle))
	}
	windows, err := program.children(ctx)
	if err != nil {
		return err
	}
	for _, w := range windows {
		if role, err := w.role(ctx); err != nil || role != "alert" {
			continue
		}
		if cross, ok := w.find(ctx, "push button", func(name string) bool { return slices.Contains(closeNames, name) }); ok {
			return c.clickOn(ctx, cross)
		}
	}
	return fmt.Errorf("the site's settings have no cross: %v", closeNames)
}

func (c *chromium) clickOn(ctx context.Context, t thing) error {
	at, err := t.middle(ctx)
	if err != nil {
		return err
	}
	return c.screen.click(ctx, at)
}
