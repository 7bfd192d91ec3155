package agent

import (
	"context"
	"os"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/agent/localcert"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/filewatch"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// State is how the agent is now: it never waits for a module, nor for the keyring.
func (s *Server) State() state.State {
	o, settings := s.options, s.settings()
	x := state.State{
		Version: o.Version, PID: os.Getpid(), Program: program(), Addresses: s.gate.Addresses(),
		Replaced: s.replaced.Load(), Lang: s.language.current(), LangFixed: s.language.fixed.Load(), StaysOn: !settings.Quit,
		Configured: settings.Modules, Listed: settings.Origins.Allow, InUse: s.login.InUse(), SitesKnown: s.login.Remembers(),
	}
	if o.Journal != nil {
		x.Log = o.Journal.File()
		if file, err := o.Journal.Failure(); err != nil {
			x.Log, x.LogFailure = file, &state.Failure{Reason: journal.Reason(err), Detail: err.Error()}
		}
	}
	for _, w := range settings.Warnings {
		x.Ignored = append(x.Ignored, state.Setting{File: w.File, Line: w.Line, Key: w.Key})
	}
	if err := s.settingsErr.Load(); err != nil {
		x.SettingsFailure = &state.Failure{Reason: policy.Reason, Detail: policy.Text(*err, x.Lang)}
	}
	wss := s.gate.WSS()
	x.WSS, x.WSSRenew = wss.Addresses, wss.Renew
	if wss.Err != nil {
		x.WSSFailure = &state.Failure{Reason: localcert.Reason(wss.Err), Detail: wss.Err.Error()}
	}
	list, err := s.login.Sites()
	for _, site := range list {
		x.Sites = append(x.Sites, state.Site{Origin: site.Origin, Since: site.Since})
	}
	x.Never = s.login.Never()
	if err != nil {
		x.SitesFailure = &state.Failure{Reason: sites.Reason(err), Detail: err.Error()}
	}
	x.UnknownSitesPaused = s.login.UnknownSitesPaused()
	x.Failures = s.login.Failures()
	s.cards.Fill(&x)
	return x
}

// program is the path of this program. Nobody else can look that up (internal/nodump).
func program() string {
	path, err := os.Readlink("/proc/self/exe") // which shows that the file was removed
	if err != nil {
		path, _ = os.Executable()
	}
	return path
}

// Report is State once it is fit to be reported: the first reading of the cards
// has ended, and with refresh they have been read anew. A reading that was asked
// for and has not ended in some seconds is no error: Outdated says so.
func (s *Server) Report(ctx context.Context, refresh bool) state.State {
	if s.options.Journal != nil {
		s.options.Journal.Flush() // who asks for the state reads the log next
	}
	s.readProgram()
	outdated := s.cards.Update(ctx, refresh, s.login.AtLogin)
	x := s.State()
	x.Outdated = outdated
	return x
}

// showLimit bounds what a person waits for who wants to see the state.
const showLimit = 2 * time.Second

// FullReport is Report with refresh, for a person who waits for it.
func (s *Server) FullReport(ctx context.Context) state.State {
	ctx, cancel := context.WithTimeout(ctx, showLimit)
	defer cancel()
	return s.Report(ctx, true)
}

// ShowState shows the state in a window until the person closes it or ctx ends,
// and returns at once. One such window stands at most.
func (s *Server) ShowState(ctx context.Context) { s.window.Open(ctx) }

// Appear is for a person who starts an agent that runs: the question that stands comes to
// the front, which they may be looking for, else the state is shown. It returns at once.
func (s *Server) Appear(ctx context.Context) {
	if prompt.ToFront(s.options.Prompter) {
		s.options.Logger.Info("the question that stands is brought to the front")
		return
	}
	s.ShowState(ctx)
}

func (s *Server) showState(ctx context.Context, opened func()) {
	s.options.Logger.Info("the state is shown")
	lang := s.language.current()
	ctx, end := s.untilLogin(ctx)
	defer end()
	outdated := s.FullReport(ctx).Outdated
	begun := s.options.Now()
	opened()
	for unasked := false; s.showNow(ctx, lang, outdated, unasked) && s.options.Now().Sub(begun) < followed; unasked = true {
		outdated = false
	}
}

// showNow shows the state of now, and reports whether the window closed because what it
// says is so no more. After a login there is nothing to say: its person is in the page.
func (s *Server) showNow(ctx context.Context, lang string, outdated, unasked bool) (untrue bool) {
	ctx, end := s.whileShownCards(ctx)
	defer end()
	x := s.State() // of those cards
	x.Outdated = outdated
	shown, stop := s.whileTrue(ctx, lang, x.Plain(lang))
	defer stop()
	say := texts.In(lang)
	details := prompt.Notice{Title: say.Text("state.title"), Lead: x.Lead(lang, s.options.Now()), Unasked: unasked}
	if s.options.Nameless != nil {
		details.Label, details.Copy = say.Text("state.hotline"), s.options.Nameless(x.Text(lang))
	}
	s.show(shown, lang, details)
	return shown.Err() != nil && ctx.Err() == nil && !x.InUse
}

// followed is how long a person looks at the state and does what it says, such as to insert
// a card: the window then says what is so now. A window from before only closes, because
// nothing may come to the front of somebody who does other things by now.
const followed = time.Minute

// whileTrue ends when the cards are read and another sentence than plain holds. A login that
// begins is for untilLogin.
func (s *Server) whileTrue(ctx context.Context, lang, plain string) (shown context.Context, end context.CancelFunc) {
	return s.until(ctx, func() bool {
		x := s.State()
		return !x.FirstReading() && !x.InUse && x.Plain(lang) != plain
	})
}

// untilLogin ends when a login begins: its window is to stand alone. One that runs already
// ends nothing.
func (s *Server) untilLogin(ctx context.Context) (shown context.Context, end context.CancelFunc) {
	before := s.login.InUse()
	return s.until(ctx, func() bool {
		now := s.login.InUse()
		began := now && !before
		before = now
		return began
	})
}

// until ends when over says so, which is asked at each change of the state.
func (s *Server) until(ctx context.Context, over func() bool) (shown context.Context, end context.CancelFunc) {
	shown, end = context.WithCancel(ctx)
	changes := s.changes.Listen(shown)
	go func() {
		for {
			select {
			case <-changes:
			case <-shown.Done():
				return
			}
			if over() {
				end()
			}
		}
	}()
	return shown, end
}

// whileShownCards ends when a card leaves that the state names: its holder's name is
// not for the next person at a shared workstation. Without a card nothing ends it.
func (s *Server) whileShownCards(ctx context.Context) (shown context.Context, end func()) {
	certificates := s.cards.LastRead().Certificates
	if len(certificates) == 0 {
		return ctx, func() {}
	}
	return s.cards.WhilePresent(ctx, certificates...)
}

// Changes returns a channel that gets a value when the state has changed, until
// ctx ends. A reader that is slow misses none: it finds one value waiting.
func (s *Server) Changes(ctx context.Context) <-chan struct{} { return s.changes.Listen(ctx) }

// watchState wakes those who show the state when another process has changed what
// is in the state folder. No decision relies on it: everyone reads the files themselves.
func (s *Server) watchState(ctx context.Context) {
	var files []string
	if s.options.Choice != nil {
		files = append(files, s.options.Choice.File())
	}
	if file := s.login.SitesFile(); file != "" {
		files = append(files, file)
	}
	if s.options.Certificate != nil {
		files = append(files, s.options.Certificate.File())
	}
	if len(files) == 0 {
		return
	}
	err := filewatch.Watch(ctx, files, func() {
		_, _ = s.login.Sites() // reads the list again where it is another
		s.changes.Publish()
	})
	if err != nil {
		s.options.Logger.Info("the state folder is not watched; the menu is brought up to date when it next changes", "error", err)
	}
}

// watchJournal wakes those who show the state when the log begins or ceases to be
// written.
func (s *Server) watchJournal(ctx context.Context) {
	if s.options.Journal == nil {
		return
	}
	for changes := s.options.Journal.Changes(ctx); ; {
		select {
		case <-changes:
			s.changes.Publish()
		case <-ctx.Done():
			return
		}
	}
}

// Use chooses the certificate of the next logins, and of one that is asking for
// a choice now.
func (s *Server) Use(id string) error { return s.cards.Use(id) }

// Refresh reads the cards once, in the background.
func (s *Server) Refresh(ctx context.Context) { s.cards.Refresh(ctx) }

// LockCards ends every card session. A signature that is being made runs to its
// end first.
func (s *Server) LockCards(ctx context.Context) error {
	return s.login.Lock(ctx, "the person asked for it")
}

// Sites are the sites that the person always allows. The error is why nothing
// can be remembered, of package sites. It never waits for the keyring.
func (s *Server) Sites() ([]sites.Site, error) { return s.login.Sites() }

// ResumeUnknownSites ends the pause of the sites that are not allowed, and reports
// whether there was one.
func (s *Server) ResumeUnknownSites() bool { return s.login.ResumeUnknownSites() }

// Never are the domains none of whose sites may use the card.
func (s *Server) Never() []state.Domain { return s.login.Never() }

// Refuse makes no site of a domain count from now on. The error says why that holds only
// while the agent runs. It may wait for the keyring for some seconds.
func (s *Server) Refuse(domain string) error { return s.login.Refuse(domain) }

// Forget takes back "always" for a site, or "never" for a domain, at once and for this
// run of the agent also where the keyring does not let it be written down, which the error says.
// It may wait for the keyring for some seconds.
func (s *Server) Forget(what string) error { return s.login.Forget(what) }
