package browserlab

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// chromium is a window of Chromium. Its question is read as a screen reader reads
// it, and clicked on with the mouse.
type chromium struct {
	screen *screen
	tab    context.Context
	end    context.CancelFunc
	origin string // the portal's, whose page may be in a frame

	mu      sync.Mutex
	context string // the id of the context in which the portal's page runs its scripts

	frame    context.Context // of the portal's page, where that is in another site's frame
	frameEnd context.CancelFunc
}

func startChromium(ctx context.Context, s *screen, o browser.Options) (window, error) {
	o.Display, o.Bus = s.display, s.bus
	tab, end, err := browser.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	c := &chromium{screen: s, tab: tab, end: end, origin: o.Origin}
	err = chromedp.Listen(tab, func(event any) {
		made, ok := event.(*runtime.EventExecutionContextCreated)
		if ok && made.Context.Origin == c.origin && made.Context.Name == "" {
			c.mu.Lock()
			c.context = made.Context.UniqueID
			c.mu.Unlock()
		}
	})
	if err != nil {
		end()
		return nil, err
	}
	return c, nil
}

func (c *chromium) close() {
	if c.frameEnd != nil {
		c.frameEnd()
	}
	c.end()
}

// within is the tab for as long as ctx lasts.
func (c *chromium) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return within(ctx, c.tab)
}

func within(ctx, tab context.Context) (context.Context, context.CancelFunc) {
	tab, cancel := context.WithCancel(tab)
	stop := context.AfterFunc(ctx, cancel)
	return tab, func() { stop(); cancel() }
}

func (c *chromium) open(ctx context.Context, address string) error {
	tab, cancel := c.within(ctx)
	defer cancel()
	return chromedp.Do(tab, chromedp.Navigate(address))
}

func (c *chromium) read(ctx context.Context) (v view, err error) {
	return v, c.evaluate(ctx, viewScript, &v)
}

// evaluate stores an expression's value in the portal's page in result.
func (c *chromium) evaluate(ctx context.Context, expression string, result any) error {
	c.mu.Lock()
	where := c.context
	c.mu.Unlock()
	page := c.tab
	var options []chromedp.EvaluateOption
	if where != "" {
		options = append(options, func(p *runtime.EvaluateParams) { p.UniqueContextID = where })
	} else if err := c.attach(); err != nil {
		return err
	} else {
		page = c.frame
	}
	page, cancel := within(ctx, page)
	defer cancel()
	text, err := chromedp.Run(page, chromedp.Evaluate[json.RawMessage](expression, options...))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, result)
}

// attach finds the portal's page in a frame of another site, which Chromium runs
// in a process of its own.
func (c *chromium) attach() error {
	if c.frame != nil {
		return nil
	}
	targets, err := chromedp.Targets(c.tab)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(targets, func(t *target.Info) bool { return t.Type == "iframe" && strings.HasPrefix(t.URL, c.origin+"/") })
	if i < 0 {
		return errors.New("no target shows the portal's page")
	}
	frame, end := chromedp.NewContext(c.tab, chromedp.WithTargetID(targets[i].TargetID))
	if err := chromedp.Do(frame); err != nil { // attaches for later calls too
		end()
		return err
	}
	c.frame, c.frameEnd = frame, end
	return nil
}

func (c *chromium) press(ctx context.Context) error {
	page := browser.Page{Evaluate: c.evaluate, Press: c.mouse}
	return page.Click(ctx, cardButton)
}

// mouse clicks at a point of the portal's page, which may be in a frame.
func (c *chromium) mouse(ctx context.Context, x, y float64) error {
	tab, cancel := c.within(ctx)
	defer cancel()
	const frame = `(() => { const r = document.querySelector("iframe")?.getBoundingClientRect(); return r ? [r.left, r.top] : [0, 0]; })()`
	at, err := chromedp.Run(tab, chromedp.Evaluate[[2]float64](frame))
	if err != nil {
		return err
	}
	return chromedp.Do(tab, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.MouseClickXY(at[0]+x, at[1]+y)(ctx, t)
		return err
	}))
}

// closeNames are the names of the cross that closes the question.
var closeNames = []string{"Fermer", "Close"}

func (c *chromium) question(ctx context.Context) (*question, error) {
	programs, err := c.screen.programs(ctx)
	if err != nil {
		return nil, err
	}
	for _, program := range programs {
		windows, err := program.children(ctx)
		if err != nil {
			continue // it has just ended
		}
		for _, w := range windows {
			// A window that is being closed no longer answers.
			if role, err := w.role(ctx); err != nil || role != "alert" {
				continue
			}
			name, err := w.name(ctx)
			if err != nil || !strings.Contains(name, ":") {
				continue
			}
			if buttons, err := w.buttons(ctx); err == nil && len(buttons) > 2 {
				return &question{name, buttons}, nil
			}
		}
	}
	return nil, nil
}

func (c *chromium) wave(ctx context.Context, q *question) error {
	for _, name := range closeNames {
		if at, ok := q.Buttons[name]; ok {
			return c.screen.click(ctx, at)
		}
	}
	return errors.New("the question has no cross to close it")
}

// focus is not possible: Escape does not reach Chromium's question while the page
// has the keyboard.
func (c *chromium) focus(context.Context) error { return errors.ErrUnsupported }
