package portal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// structure are what of RGAA 4.1 a program sees of a page and axe has no rule for, each with the
// criterion: headings (9.1), landmarks and links to them (9.2, 12.6, 12.7), language (8.3), new
// windows (13.2), movement (13.8), and the edges of fields and buttons (3.3).
const structure = `(() => {
  const out = [], seen = (e) => e.getClientRects().length > 0 && !e.closest(".hidden, .skip");
  const levels = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(seen).map((h) => Number(h.tagName[1]));
  if (levels[0] !== 1 || levels.filter((l) => l === 1).length !== 1) out.push("9.1: headings " + levels);
  levels.forEach((l, i) => { if (i && l > levels[i - 1] + 1) out.push("9.1: a level is left out: " + levels); });
  for (const name of ["header", "main", "footer", "nav"]) {
    if (document.querySelectorAll("body > " + name + ", body > header nav").length === 0) out.push("9.2: no " + name);
  }
  if (document.querySelectorAll("main").length !== 1) out.push("9.2: main");
  const skip = document.querySelector("body > a");
  if (!skip || !document.querySelector(skip.getAttribute("href"))) out.push("12.7: nothing leads to the content");
  if (!/^(fr|en)$/.test(document.documentElement.lang)) out.push("8.3: " + document.documentElement.lang);
  if (document.querySelector("a[target], form[target]")) out.push("13.2: a new window");
  if (document.getAnimations().length) out.push("13.8: movement");
  const rgb = (c) => c.match(/[\d.]+/g).map(Number), clear = (c) => rgb(c)[3] === 0;
  const light = (c) => { const [r, g, b] = rgb(c).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const behind = (e) => { for (e = e.parentElement; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!clear(c)) return c; } return "rgb(255, 255, 255)"; };
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, button:not(.link), a.primary, a.quiet")) {
    const s = getComputedStyle(e);
    if (!seen(e)) continue;
    const edges = [s.borderTopWidth === "0px" ? null : s.borderTopColor, clear(s.backgroundColor) ? null : s.backgroundColor].filter(Boolean);
    const best = Math.max(0, ...edges.map((c) => ratio(c, behind(e))));
    if (best < 3) out.push("3.3: " + e.tagName + "#" + e.id + " " + best.toFixed(2));
  }
  return out;
})()`

// spaced sets text as whoever needs it wider does (10.12).
const spaced = `(() => { const s = new CSSStyleSheet(); s.replaceSync("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-bottom: 2em !important }"); document.adoptedStyleSheets.push(s); })()`

// doubled has all letters twice as large (10.4).
const doubled = `(() => { document.documentElement.style.fontSize = "200%"; })()`

// cut are texts of which a part is cut off.
const cut = `[...document.querySelectorAll("body *")].filter((e) => !e.closest(".hidden, .skip, datalist") && e.getClientRects().length && /hidden|clip/.test(getComputedStyle(e).overflow) && (e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1)).map((e) => e.tagName + "#" + e.id)`

// focused is what has the focus: where it is in the page, whether it is in sight, and how it is drawn.
const focused = `(() => {
  let e = document.activeElement;
  while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  if (e === document.body) return {};
  const r = e.getBoundingClientRect(), s = getComputedStyle(e);
  return {what: e.tagName + "#" + e.id + " " + (e.innerText ?? "").slice(0, 30), top: r.top + scrollY, inSight: r.bottom > 0 && r.top < innerHeight && r.right > 0, drawn: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2};
})()`

// TestPagesForRGAA measures on every page, in every state, what docs/portal-accessibility.md says of
// criteria that no rule of axe has.
func TestPagesForRGAA(t *testing.T) {
	e := newSite(t).chromium(t, french)
	titles := map[string]string{}
	for _, st := range states() {
		e.do(chromedp.EmulateViewport(1280, 800))
		st.show(e)
		e.value(`new Promise((r) => document.readyState === "complete" ? r() : addEventListener("load", () => r()))`, new(any))
		var out []string
		e.value(structure, &out)
		e.report(st.name, out)
		title := e.text("document.title")
		if name, body, ok := strings.Cut(title, " · "); !ok || name == "" || body == "" {
			t.Errorf("%s: 8.6: the title is %q", st.name, title)
		}
		titles[st.name] = title
		e.byKeyboard(st.name)
		for _, change := range []struct{ what, made, back string }{
			{"10.12, text spaced", spaced, `(() => { document.adoptedStyleSheets = []; })()`},
			{"10.4, letters of twice the size", doubled, `(() => { document.documentElement.style.fontSize = ""; })()`},
		} {
			e.value(change.made, new(any))
			for _, expression := range []string{overflow, cut} {
				e.value(expression, &out)
				e.report(st.name+", "+change.what, out)
			}
			e.value(change.back, new(any))
		}
	}
	for _, pair := range [][2]string{{"first", "first-wrong"}, {"home", "support"}, {"confirmation", "space"}} {
		if titles[pair[0]] == titles[pair[1]] {
			t.Errorf("8.6: %s and %s have one title, %q", pair[0], pair[1], titles[pair[0]])
		}
	}
}

func (e *eyes) report(name string, out []string) {
	e.t.Helper()
	for _, o := range out {
		e.t.Errorf("%s: %s", name, o)
	}
}

// byKeyboard goes through the page with Tab: everything is reached once, from top to bottom, in
// sight, and is seen to have the focus (10.7, 12.8, 12.9).
func (e *eyes) byKeyboard(name string) {
	e.t.Helper()
	e.value(`(() => { document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute("tabindex"); scrollTo(0, 0); })()`, new(any))
	var stops []string
	top := 0.0
	for range 100 {
		e.do(chromedp.KeyEvent("\t"))
		var f struct {
			What           string
			Top            float64
			InSight, Drawn bool
		}
		e.value(focused, &f)
		if f.What == "" || len(stops) > 0 && f.What == stops[0] { // round and about
			break
		}
		stops = append(stops, f.What)
		if f.Top < top-40 { // what stands in one row is of several heights
			e.t.Errorf("%s: 12.8: %q comes after what stands below it: %s", name, f.What, fmt.Sprint(stops))
		}
		top = f.Top
		if !f.InSight || !f.Drawn {
			e.t.Errorf("%s: 10.7: %q has the focus: in sight %v, drawn %v", name, f.What, f.InSight, f.Drawn)
		}
	}
	var all int
	e.value(`[...document.querySelectorAll("a[href], button:not([disabled]), input:not([type=hidden]), select, summary")].filter((x) => x.checkVisibility()).length`, &all)
	if len(stops) < all || len(stops) == 100 {
		e.t.Errorf("%s: 12.9: of %d the keyboard reaches %d: %s", name, all, len(stops), fmt.Sprint(stops))
	}
}
