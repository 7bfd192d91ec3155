package browserlab

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"
)

// permissions are what Firefox shows of a site at the left of its address.
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

// takeBack clicks on the cross beside the site's setting, in what opens at the
// left of the address: Firefox has no other answer there.
func (f *firefox) takeBack(ctx context.Context, named func(string) bool, shown func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	taken := false
	for {
		p, err := f.permissions(ctx)
		switch {
		case err != nil:
			return err
		case taken && len(p.Items) == 0:
			return f.screen.press(ctx, "Escape")
		case !p.Open:
			err = f.click(ctx, p.Icon)
		default:
			err = fmt.Errorf("the page names none of Firefox's settings for this site: %+v", p.Items)
			for _, item := range p.Items {
				if named(item.Name) {
					taken, err = true, errors.Join(shown(), f.click(ctx, item.Cross))
				}
			}
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New("the site's block cannot be taken back")
		case <-time.After(settling):
		}
	}
}

func (f *firefox) click(ctx context.Context, at [2]float64) error {
	return f.screen.click(ctx, image.Pt(int(at[0]), int(at[1])))
}
