package browserlab

import (
	"context"
	"fmt"
	"image"
)

// permissions are a site's permissions that Firefox shows at the left of its address.
type permissions struct {
	Open  bool
	Icon  [2]float64
	Items []struct {
		Name  string
		Cross [2]float64
	}
}

func (f *firefox) permissions(ctx context.Context) (p permissions, err error) {
	return p, f.fox.InBrowser(ctx, `const w = Services.wm.getMostRecentWindow("navigator:browser"), d = w.document;
		const middle = (e) => { const r = e.getBoundingClientRect(); return [e.screenX + r.width / 2, e.screenY + r.height / 2]; };
		const panel = d.getElementById("permission-popup");
		return {
			Open: panel?.state === "open", Icon: middle(d.getElementById("identity-permission-box")),
			Items: [...panel?.querySelectorAll(".permission-popup-permission-item") ?? []].map((e) => ({
				Name: e.querySelector(".permission-popup-permission-label").value || e.querySelector(".permission-popup-permission-label").textContent,
				Cross: middle(e.querySelector("button")),
			})),
		};`, &p)
}

// unblock clicks on the cross beside the site's setting, in the panel that opens at
// the left of the address: Firefox has no other control there.
func (f *firefox) unblock(ctx context.Context, named func(string) bool, shown func() error) error {
	var now permissions
	read := func(is func() bool) func() (bool, error) {
		return func() (yes bool, err error) {
			now, err = f.permissions(ctx)
			return err == nil && is(), err
		}
	}
	open := read(func() bool { return now.Open && len(now.Items) > 0 })
	err := f.screen.clickUntil(ctx, "the site's settings open", open, func() (image.Point, error) { return point(now.Icon), nil })
	if err != nil {
		return err
	}
	if err := shown(); err != nil {
		return err
	}
	empty := read(func() bool { return len(now.Items) == 0 })
	err = f.screen.clickUntil(ctx, "the site's block is taken back", empty, func() (image.Point, error) {
		if !now.Open { // a click beside the panel has closed it
			return point(now.Icon), nil
		}
		for _, item := range now.Items {
			if named(item.Name) {
				return point(item.Cross), nil
			}
		}
		return image.Point{}, fmt.Errorf("the page names none of Firefox's settings for this site: %+v", now.Items)
	})
	if err != nil {
		return err
	}
	return f.screen.press(ctx, "Escape")
}

func point(at [2]float64) image.Point { return image.Pt(int(at[0]), int(at[1])) }
