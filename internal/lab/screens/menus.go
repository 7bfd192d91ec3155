package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"slices"
	"strconv"

	"github.com/cpx-bridge/cpx-bridge/tray"
)

// captureMenus makes pictures of the icon in each state and of the open menu, on a
// light or a dark panel, and returns the icons.
func captureMenus(folder string, dark bool) (icons []*image.RGBA, err error) {
	d, err := newDesktop("1280x560", false)
	if err != nil {
		return nil, err
	}
	defer d.close()
	if err := d.panel(dark, 22); err != nil {
		return nil, err
	}
	restore, err := d.asPerson(nil)
	if err != nil {
		return nil, err
	}
	defer restore()
	a := newActor()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); tray.Run(ctx, a, tray.Options{LogFile: "/TEST/agent.log"}) }()
	defer func() { cancel(); <-ended }()

	theme := "light"
	if dark {
		theme = "dark"
	}
	if icons, err = d.captureIcons(func(s scene) { a.show(s.state) }, folder, theme); err != nil {
		return nil, err
	}
	for _, lang := range []string{"fr", "en"} {
		a.show(full(lang))
		for _, m := range menus {
			if err := d.captureMenu(m, folder, m.name+"-"+lang+"-"+theme); err != nil {
				return nil, fmt.Errorf("menu %s, %s, %s: %w", m.name, lang, theme, err)
			}
		}
		a.show(upgraded(lang))
		if err := d.captureMenu(openMenu{name: "menu-upgraded"}, folder, "menu-upgraded-"+lang+"-"+theme); err != nil {
			return nil, fmt.Errorf("menu after an upgrade, %s, %s: %w", lang, theme, err)
		}
	}
	return icons, nil
}

// iconFrame is where the panel shows the icon.
func iconFrame(screen image.Rectangle) image.Rectangle {
	return image.Rect(screen.Max.X-40, screen.Max.Y-30, screen.Max.X, screen.Max.Y)
}

func (d *desktop) captureIcons(show func(scene), folder, theme string) (icons []*image.RGBA, err error) {
	var before *image.RGBA
	for _, s := range scenes("fr") {
		show(s)
		picture, err := d.settled(func(now *image.RGBA) bool {
			frame := iconFrame(now.Rect)
			other := before
			if other == nil { // the first icon is shown once its frame is not empty any more
				other = image.NewRGBA(now.Rect)
				draw.Draw(other, now.Rect, image.NewUniform(now.At(frame.Min.X-40, frame.Min.Y+15)), image.Point{}, draw.Src)
				frame = frame.Inset(4) // the panel has a border
			}
			return !bounds(now, other, frame).Empty()
		})
		if err != nil {
			return nil, fmt.Errorf("icon %s, %s: %w", s.name, theme, err)
		}
		// The toolkit must not show a second icon beside ours.
		empty := image.NewRGBA(picture.Rect)
		beside := image.Rect(iconFrame(picture.Rect).Min.X-60, picture.Rect.Max.Y-25, picture.Rect.Max.X-28, picture.Rect.Max.Y-5)
		draw.Draw(empty, picture.Rect, image.NewUniform(picture.At(beside.Min.X, beside.Min.Y)), image.Point{}, draw.Src)
		if !bounds(picture, empty, beside).Empty() {
			return nil, fmt.Errorf("icon %s, %s: something is shown beside it", s.name, theme)
		}
		before = picture
		icons = append(icons, cut(picture, iconFrame(picture.Rect)))
		if err := save(icons[len(icons)-1], folder, "icon-"+s.name+"-"+theme); err != nil {
			return nil, err
		}
	}
	return icons, nil
}

// openMenu is a picture of the menu, with the keys that lead to what it shows.
type openMenu struct {
	name string
	keys []string
}

var menus = []openMenu{
	{"menu", nil},
	{"menu-sites", append(slices.Repeat([]string{"Up"}, 7), "Right")},
	{"menu-settings", append(slices.Repeat([]string{"Up"}, 5), "Right")},
	{"menu-language", []string{"Up", "Up", "Right"}},
}

// captureMenu opens the menu and the submenu, and tries again where a key was lost.
func (d *desktop) captureMenu(m openMenu, folder, name string) error {
	closed, err := d.settled(func(*image.RGBA) bool { return true })
	if err != nil {
		return err
	}
	at := iconFrame(closed.Bounds())
	for tries := 3; ; tries-- {
		picture, whole, err := d.open(m, closed, at)
		if err != nil {
			return err
		}
		if whole {
			shown := bounds(picture, closed, work(picture)).Inset(-margin).Union(at).Intersect(picture.Bounds())
			err = save(cut(picture, shown), folder, name)
		} else if tries == 1 {
			err = errors.New("the submenu did not open")
		}
		if err := errors.Join(err, d.shut(closed)); err != nil || whole {
			return err
		}
	}
}

// open opens the menu and presses its keys; whole is false where they led elsewhere.
func (d *desktop) open(m openMenu, closed *image.RGBA, at image.Rectangle) (picture *image.RGBA, whole bool, err error) {
	if _, err := d.tool("xdotool", "mousemove", strconv.Itoa(at.Min.X+20), strconv.Itoa(at.Min.Y+15), "click", "3"); err != nil {
		return nil, false, err
	}
	picture, err = d.settled(func(now *image.RGBA) bool { return !bounds(now, closed, work(now)).Empty() })
	if err != nil || len(m.keys) == 0 {
		return picture, true, err
	}
	menu := bounds(picture, closed, work(picture))
	for _, key := range m.keys {
		if _, err := d.tool("xdotool", "key", key); err != nil {
			return nil, false, err
		}
		if picture, err = d.settled(func(*image.RGBA) bool { return true }); err != nil {
			return nil, false, err
		}
	}
	// The submenu is beside the menu.
	return picture, bounds(picture, closed, work(picture)).Dx() > menu.Dx()+20, nil
}

func (d *desktop) shut(closed *image.RGBA) error {
	for range 3 {
		if _, err := d.tool("xdotool", "key", "Escape"); err != nil {
			return err
		}
	}
	_, err := d.settled(func(now *image.RGBA) bool { return bounds(now, closed, work(now)).Empty() })
	return err
}

// work is the screen without the panel.
func work(screen *image.RGBA) image.Rectangle {
	b := screen.Bounds()
	b.Max.Y -= 30
	return b
}
