package tray

import (
	"encoding/json"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/getlantern/systray"
)

// menu is the toolkit's menu. Entries can be neither removed from it nor inserted, so
// every entry is made once, in its position, and hidden or shown; only at the end of a
// submenu can more be added.
//
// build and show are for one caller at a time.
type menu struct {
	mu  sync.Mutex
	out *json.Encoder

	icon icon

	line, notice                 *item
	warnings, certificates       []*item
	sites, never                 *submenu
	settings, language           *submenu
	resume, lock                 *item
	refresh, diagnostic, journal *item
	about, restart, quit         *item
}

func (m *menu) build(v view) {
	m.line = m.top(doState, false)
	m.notice = m.top("", false)
	for range maxWarnings {
		m.warnings = append(m.warnings, m.top(doState, false))
	}
	for range maxCertificates {
		m.certificates = append(m.certificates, m.top(doUse, true))
	}
	systray.AddSeparator()
	m.sites = &submenu{menu: m, parent: m.top("", false), do: doForget}
	m.never = &submenu{menu: m, parent: m.top("", false), do: doForget}
	m.resume = m.top(doResume, false)
	m.lock = m.top(doLock, false)
	m.settings = &submenu{menu: m, parent: m.top("", false)}
	systray.AddSeparator()
	m.refresh = m.top(doRefresh, false)
	m.diagnostic = m.top(doExamine, false)
	m.journal = m.top(doJournal, false)
	m.language = &submenu{menu: m, parent: m.top("", false), do: doLang, checks: true}
	m.about = m.top("", false)
	systray.AddSeparator()
	m.restart = m.top(doRestart, false)
	m.quit = m.top(doQuit, false)
	m.show(v)
}

// show makes the menu look like the view.
func (m *menu) show(v view) {
	if v.Icon != m.icon {
		m.icon = v.Icon
		systray.SetIcon(v.Icon.bytes())
	}
	systray.SetTooltip(v.Name)
	m.line.show(entry{ID: "state", Label: v.Line})
	m.notice.show(entry{Label: v.Notice})
	for i, it := range m.warnings {
		label := ""
		if i < len(v.Warnings) {
			label = v.Warnings[i]
		}
		it.show(entry{ID: "state", Label: label})
	}
	showAll(m.certificates, v.Certificates)
	m.sites.show(v.Sites)
	m.resume.show(entry{ID: "resume", Label: v.Resume})
	m.never.show(v.Never)
	m.lock.show(entry{ID: "lock", Label: v.Lock})
	m.settings.show(v.Settings)
	m.refresh.show(entry{ID: "refresh", Label: v.Refresh})
	m.diagnostic.show(entry{ID: "examine", Label: v.Diagnostic})
	m.journal.show(entry{ID: "journal", Label: v.Journal})
	m.language.show(v.Language)
	m.about.show(entry{Label: v.About})
	m.restart.show(v.Restart)
	m.quit.show(entry{ID: "quit", Label: v.Quit})
}

func showAll(items []*item, entries []entry) {
	for i, it := range items {
		if i < len(entries) {
			it.show(entries[i])
		} else {
			it.show(entry{})
		}
	}
}

// submenu grows as needed, and never shrinks.
type submenu struct {
	menu   *menu
	parent *item
	do     string
	checks bool
	items  []*item
}

// show shows the parent first: on Windows a hidden submenu does not exist, and accepts
// no entries.
func (s *submenu) show(l list) {
	id := ""
	if len(l.Entries) > 0 {
		id = "open"
	}
	s.parent.show(entry{ID: id, Label: l.Label})
	for len(s.items) < len(l.Entries) {
		child := s.parent.AddSubMenuItem
		if s.checks {
			child = func(title, tip string) *systray.MenuItem { return s.parent.AddSubMenuItemCheckbox(title, tip, false) }
		}
		s.items = append(s.items, s.menu.item(child(" ", ""), s.do, s.checks))
	}
	showAll(s.items, l.Entries)
}

// item is an entry and what it shows, so that only differences are sent to the toolkit
// and over the bus.
type item struct {
	*systray.MenuItem
	checkable bool

	mu     sync.Mutex
	shown  entry
	hidden bool
	means  meaning
}

// settled is how long an entry must have had its meaning before a click on it counts:
// the person may have aimed at what it meant before.
const settled = time.Second

// meaning is what an entry means, and since when.
type meaning struct {
	last  string // the ID it last had, shown or not
	since time.Time
}

// become records what the entry means from now on. Nobody can have aimed at an entry
// that meant nothing so far.
func (m *meaning) become(id string, now time.Time) {
	if id == "" || id == m.last {
		return
	}
	if m.last != "" {
		m.since = now
	}
	m.last = id
}

func (m *meaning) settled(now time.Time) bool { return now.Sub(m.since) >= settled }

func (m *menu) top(do string, checkable bool) *item {
	if checkable {
		return m.item(systray.AddMenuItemCheckbox(" ", "", false), do, true)
	}
	return m.item(systray.AddMenuItem(" ", ""), do, false)
}

func (m *menu) item(i *systray.MenuItem, do string, checkable bool) *item {
	it := &item{MenuItem: i, checkable: checkable, hidden: true}
	i.Hide()
	// The toolkit drops a click that no goroutine receives, so one always does.
	go func() {
		for range i.ClickedCh {
			m.say(do, it.clicked())
		}
	}()
	return it
}

// say reports a click to the agent, unless the entry has no action.
func (m *menu) say(do, id string) {
	if do == "" || id == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.out.Encode(click{Do: do, ID: id}) // where it fails, the agent has ended and so does this process
}

// clicked returns what the entry means. The toolkit has toggled the check mark by
// itself: that is undone, because only the agent decides what is chosen.
func (it *item) clicked() string {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.checkable && !it.hidden {
		it.mark()
	}
	if !it.means.settled(time.Now()) {
		return ""
	}
	return it.shown.ID
}

func (it *item) mark() {
	if it.shown.Checked {
		it.Check()
	} else {
		it.Uncheck()
	}
}

// show makes the entry look like e. Every change makes the toolkit show an entry, so
// hiding comes last.
func (it *item) show(e entry) {
	it.mu.Lock()
	defer it.mu.Unlock()
	if e.Label == "" {
		if !it.hidden {
			it.Hide()
		}
		it.hidden, it.shown.ID = true, ""
		return
	}
	e.Label = label(e.Label)
	if it.hidden || e.Label != it.shown.Label {
		it.SetTitle(e.Label)
	}
	if may := e.ID != ""; may == it.Disabled() {
		if may {
			it.Enable()
		} else {
			it.Disable()
		}
	}
	it.means.become(e.ID, time.Now())
	changed := it.hidden || e.Checked != it.shown.Checked
	it.shown = e
	if it.checkable && changed {
		it.mark()
	}
	if it.hidden {
		it.Show()
		it.hidden = false
	}
}

// label escapes the character that would mark a shortcut.
func label(text string) string {
	if runtime.GOOS == "windows" {
		return strings.ReplaceAll(text, "&", "&&")
	}
	return strings.ReplaceAll(text, "_", "__")
}
