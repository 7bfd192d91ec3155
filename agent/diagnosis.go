package agent

import (
	"context"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// Diagnosis is what an examination of the workstation found.
type Diagnosis struct {
	Text    string // for the person, with what to do
	Hotline string // for someone who helps from afar: it names nobody
}

// ShowDiagnosis examines the workstation and shows what was found until the person closes
// it or ctx ends, and returns at once. One such window stands at most.
func (s *Server) ShowDiagnosis(ctx context.Context) { s.diagnosis.Open(ctx) }

// shortDiagnosis is how long an examination may take without a window that says that it
// runs: most are done by then, and a window that opens and closes at once is a riddle.
const shortDiagnosis = 700 * time.Millisecond

func (s *Server) showDiagnosis(ctx context.Context, opened func()) {
	s.options.Logger.Info("the diagnosis is shown")
	lang := s.language.current()
	say := texts.In(lang)
	found, shown := s.diagnose(ctx, lang)
	if !shown {
		return
	}
	ctx, end := s.whileShownCards(ctx)
	defer end()
	opened()
	s.show(ctx, lang, prompt.Notice{Title: say.Text("tray.diagnostic"), Text: found.Text,
		Hint: say.Text("state.hotline_means"), Label: say.Text("state.hotline"), Copy: found.Hotline})
}

// diagnose examines the workstation, with a window after a while in which the person may
// end that; false: they did, or ctx ended.
func (s *Server) diagnose(ctx context.Context, lang string) (Diagnosis, bool) {
	say := texts.In(lang)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan Diagnosis, 1)
	go func() { done <- s.examined(ctx, lang) }()
	select {
	case found := <-done:
		return found, ctx.Err() == nil
	case <-ctx.Done():
		return Diagnosis{}, false
	case <-time.After(shortDiagnosis):
	}
	standing, seen := context.WithCancel(ctx)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.show(standing, lang, prompt.Notice{Title: say.Text("state.diagnosis_title"), Hint: say.Text("state.diagnosis_runs")})
		if standing.Err() == nil {
			cancel() // closed by the person
		}
	}()
	var found Diagnosis
	select {
	case found = <-done:
	case <-ctx.Done():
	}
	seen()
	<-closed
	return found, ctx.Err() == nil
}

// examined is the diagnosis, or in its place the state with why there is none.
func (s *Server) examined(ctx context.Context, lang string) Diagnosis {
	if s.options.Diagnose != nil {
		found, err := s.options.Diagnose(ctx, lang)
		if err == nil || ctx.Err() != nil {
			return found
		}
		s.options.Logger.Warn("the workstation cannot be examined", "error", err)
	}
	text := texts.In(lang).Text("state.no_diagnosis")
	return Diagnosis{Text: text + "\n\n" + s.FullReport(ctx).Text(lang), Hotline: text + "\n" + state.Name + " " + s.options.Version}
}

// ShowLog says where the log is, for a person whose desktop opened nothing, and returns at
// once. One such window stands at most.
func (s *Server) ShowLog(ctx context.Context) { s.log.Open(ctx) }

func (s *Server) showLog(ctx context.Context, opened func()) {
	lang := s.language.current()
	say := texts.In(lang)
	x := s.State()
	hint := say.Text("state.log_not_opened")
	if x.LogFailure != nil {
		hint = x.LogFailure.LogText(lang, x.Log)
	}
	if s.options.InSystemLog {
		hint = say.Text("state.log_of_system") + "\n" + hint
	}
	opened()
	s.show(ctx, lang, prompt.Notice{Title: say.Text("tray.journal"), Hint: hint + "\n" + x.Log, Label: say.Text("state.copy_path"), Copy: x.Log})
}

// show shows a notice of this window or that.
func (s *Server) show(ctx context.Context, lang string, n prompt.Notice) {
	n.Title = state.Name + " · " + n.Title
	if err := prompt.ShowNotice(ctx, s.options.Prompter, lang, n); err != nil && ctx.Err() == nil {
		s.options.Logger.Info("a notice cannot be shown", "title", n.Title, "error", err)
	}
}
