package browserlab

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
)

// siteNames are the names of the button beside the address.
var siteNames = []string{"Afficher des informations à propos du site", "View site information"}

// unblock switches the site's setting on, in the panel that opens at the left of
// the address, and closes the panel.
func (c *chromium) unblock(ctx context.Context, named func(string) bool, shown func() error) error {
	set := siteSetting{ctx: ctx, c: c, named: named}
	err := c.screen.clickUntil(ctx, "the site's settings open", set.there, set.opener)
	if err != nil {
		return err
	}
	if err := shown(); err != nil {
		return err
	}
	if err := c.screen.clickUntil(ctx, "the site's setting is on", set.on, set.switchAt); err != nil {
		return err
	}
	return c.screen.clickUntil(ctx, "the site's settings close", set.gone, set.cross)
}

// siteSetting finds the switch that the page names, and the controls around it.
type siteSetting struct {
	ctx   context.Context
	c     *chromium
	named func(string) bool
}

// find returns the switch, and the program that shows it.
func (s siteSetting) find() (program, toggle thing, found bool, err error) {
	programs, err := s.c.screen.programs(s.ctx)
	if err != nil {
		return thing{}, thing{}, false, err
	}
	for _, program := range programs {
		if toggle, ok := program.find(s.ctx, "toggle button", s.named); ok {
			return program, toggle, true, nil
		}
	}
	return thing{}, thing{}, false, nil
}

func (s siteSetting) there() (bool, error) {
	_, _, found, err := s.find()
	return found, err
}

func (s siteSetting) gone() (bool, error) {
	found, err := s.there()
	return !found, err
}

func (s siteSetting) on() (bool, error) {
	_, toggle, found, err := s.find()
	if err != nil || !found {
		return false, err
	}
	return toggle.pressed(s.ctx)
}

// opener is the button beside the address.
func (s siteSetting) opener() (image.Point, error) {
	programs, err := s.c.screen.programs(s.ctx)
	if err != nil {
		return image.Point{}, err
	}
	for _, program := range programs {
		if button, ok := program.find(s.ctx, "push button", func(name string) bool { return slices.Contains(siteNames, name) }); ok {
			return button.middle(s.ctx)
		}
	}
	return image.Point{}, errors.New("there is no button beside the address")
}

// switchAt is the switch's position, or where there is none, that of the button
// that opens the panel.
func (s siteSetting) switchAt() (image.Point, error) {
	_, toggle, found, err := s.find()
	if err != nil {
		return image.Point{}, err
	}
	if !found {
		return s.opener()
	}
	return toggle.middle(s.ctx)
}

func (s siteSetting) cross() (image.Point, error) {
	program, _, found, err := s.find()
	if err != nil || !found {
		return image.Point{}, errors.Join(errors.New("the site's setting is not shown"), err)
	}
	windows, err := program.children(s.ctx)
	if err != nil {
		return image.Point{}, err
	}
	for _, w := range windows {
		if role, err := w.role(s.ctx); err != nil || role != "alert" {
			continue
		}
		if cross, ok := w.find(s.ctx, "push button", func(name string) bool { return slices.Contains(closeNames, name) }); ok {
			return cross.middle(s.ctx)
		}
	}
	return image.Point{}, fmt.Errorf("the site's settings have no cross: %v", closeNames)
}
