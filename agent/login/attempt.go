package login

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// attempt is one login that has the lease.
type attempt struct {
	*Service
	Request
	Prompter prompt.Prompter   // of this login: its questions stand in one window
	under    *policy.Effective // those in force when it got the lease
	reset    atomic.Bool       // a card was reset for it
	justRead bool              // the card was, and nobody asked anything since
}

// mayReset allows one reset of a card in a login: it shuts out the program that has the
// card open, and a card that still says that it is locked is.
func (a *attempt) mayReset() bool { return a.reset.CompareAndSwap(false, true) }

func (s *Service) authenticate(ctx context.Context, r Request) (*authtoken.Token, string, error) {
	settings := s.settings()
	asker := newAsker(r.Caller.Origin, s.allowedNow(ctx, settings, r.Caller.Origin))
	asker.request = r.Running.number
	if err := s.refusedForGood(settings, asker.origin); err != nil { // it takes nobody's place, and wears nobody down
		return nil, "", err
	}
	if err := s.queue.acquire(ctx, asker); err != nil {
		return nil, "", err
	}
	s.Changes.Publish()
	defer func() { s.queue.release(); s.Changes.Publish() }()
	// The person may have forgotten or allowed the site while it waited, or the settings
	// changed: it is asked about, paused and counted as what it is now.
	settings = s.settings()
	asker.allowed = s.allowedNow(ctx, settings, asker.origin)
	if err := s.refusedForGood(settings, asker.origin); err != nil {
		return nil, "", err
	}
	if err := s.queue.pausedFor(asker); err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Limits.Request, protocol.ErrTimeUp)
	defer cancel()

	// Both take longer than all that comes before the first question where the card was read.
	r.Caller.FindPrograms()
	ctx, person, end := prompt.Begin(ctx, s.Prompter)
	defer end()

	token, id, err := (&attempt{Service: s, Request: r, Prompter: person, under: settings}).steps(ctx)
	if cause := context.Cause(ctx); cause != nil && err != nil {
		// The page cancelled, the person did so between two questions, or the time is
		// up: whatever a dialog or the card said because of it comes second.
		err = cause
	}
	if err != nil {
		switch wire := protocol.FromError(err); {
		case errors.Is(err, prompt.ErrCancelled), errors.Is(err, pkcs11.ErrCancelled): // on the PIN pad
			s.queue.refused(asker, wire)
		case errors.Is(err, protocol.ErrPageCancelled), errors.Is(err, prompt.ErrTimeout), wire.Code == protocol.CodeTimeout:
			s.queue.worn(asker)
		}
		return nil, "", err
	}
	s.queue.succeeded(asker)
	r.Signed(id)
	return token, id, nil
}

func (a *attempt) steps(ctx context.Context) (*authtoken.Token, string, error) {
	if err := a.consent(ctx); err != nil {
		return nil, "", err
	}
	snapshot, err := a.card(ctx)
	if err != nil {
		return nil, "", err
	}
	certificate, err := a.choose(ctx, snapshot)
	if err != nil {
		return nil, "", err
	}
	signature, err := a.sign(ctx, certificate)
	a.readTries(ctx, certificate, err)
	if err != nil {
		return nil, "", err
	}
	if ctx.Err() != nil { // nothing is sent after a cancel
		return nil, "", context.Cause(ctx)
	}
	token, err := authtoken.New(signature.Certificate.X509, string(signature.Algorithm), signature.Value, a.AppVersion)
	if err != nil {
		return nil, "", err
	}
	return &token, certificate.ID, nil
}

// step and answered write the attempt's trace.
func (a *attempt) step(step string) { a.trace.step(a.Running.number, step) }

func (a *attempt) answered(err error, yes, no, ended string) {
	a.step(outcome(err, yes, no, ended))
}

func (a *attempt) caller(ctx context.Context) prompt.Caller {
	return shownCaller(ctx, a.Lang, a.Caller)
}

// shownCaller is a caller as the dialogs show it.
func shownCaller(ctx context.Context, lang string, c peer.Caller) prompt.Caller {
	programs := c.Programs(ctx)
	return prompt.Caller{Origin: c.Origin, Program: programs.Text(lang), Named: programs.Named()}
}

// refusedError is a wire error of which it must be known that a person's own
// answer caused it.
type refusedError struct{ wire *protocol.Error }

func (e refusedError) Error() string      { return e.wire.Error() }
func (refusedError) Is(target error) bool { return target == prompt.ErrCancelled }
func (e refusedError) Unwrap() error      { return e.wire }

// unansweredError is a wire error of a dialog that was left without an answer.
type unansweredError struct{ wire *protocol.Error }

func (e unansweredError) Error() string      { return e.wire.Error() }
func (unansweredError) Is(target error) bool { return target == prompt.ErrTimeout }
func (e unansweredError) Unwrap() error      { return e.wire }

// consent asks the person where the origin is not allowed, before anything is read of
// reader, card or module: an origin that is not allowed learns nothing of them.
func (a *attempt) consent(ctx context.Context) error {
	if a.allowedNow(ctx, a.under, a.Caller.Origin) {
		return nil
	}
	a.Progress(protocol.AskingConsent)
	dialog, cancel := context.WithTimeout(ctx, a.Limits.Dialog)
	defer cancel()
	a.step("consent_asked")
	err := a.Prompter.Consent(dialog, a.Lang, a.caller(ctx))
	a.answered(err, "consent_given", "consent_denied", "consent_ended")
	if errors.Is(err, prompt.ErrNever) {
		a.refuseForGood(a.Caller.Origin)
	}
	if errors.Is(err, prompt.ErrCancelled) {
		return refusedError{protocol.Fail(protocol.CodeConsentDenied)}
	}
	return err
}

// allowedNow is Allowed once the list of sites is the file's, for which it waits a
// little: what is remembered must not be asked about because the keyring is slow.
func (s *Service) allowedNow(ctx context.Context, settings *policy.Effective, origin string) bool {
	if s.allowedBy(settings, origin) {
		return true
	}
	s.siteCache.refresh(ctx, s.Limits.Sites)
	return s.allowedBy(settings, origin)
}

// card is the reading that the login goes by; where there is no card the person
// is asked for one.
func (a *attempt) card(ctx context.Context) (pkcs11.Snapshot, error) {
	snapshot, err := a.Cards.Current(ctx)
	if err != nil || cards.HasCard(snapshot) {
		return snapshot, err
	}
	a.Progress(protocol.AskingForCard)
	inserting, cancel := context.WithTimeout(ctx, a.Limits.Insert)
	defer cancel()
	dialog := a.askCard(inserting, snapshot)
	for {
		next := a.Cards.NextReading()
		if dialog.reader == a.Cards.NoReader(snapshot) { // one came, or the last one went
			err := dialog.close()
			a.answered(err, "card_ended", "card_denied", "card_ended")
			if errors.Is(err, prompt.ErrCancelled) {
				return snapshot, err
			}
			dialog = a.askCard(inserting, snapshot)
		}
		select {
		case err := <-dialog.answer:
			a.answered(err, "card_ended", "card_denied", "card_ended")
			if errors.Is(err, prompt.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
				return snapshot, unansweredError{a.Cards.Absence(snapshot)}
			}
			return snapshot, err
		case <-next:
			// The reading that ended may be somebody else's, and the events' own.
			if seen := a.Cards.LastRead(); !cards.HasCard(seen) {
				snapshot = seen
				continue
			}
		case <-a.Cards.NextPoll(snapshot):
		}
		found, err := a.Cards.Current(inserting)
		if inserting.Err() != nil {
			continue // the dialog ends with it and says how
		}
		if snapshot = found; err != nil || cards.HasCard(snapshot) {
			_ = dialog.close() // it is gone before the next one comes
			a.answered(err, "card_came", "card_ended", "card_ended")
			return snapshot, err
		}
	}
}

// cardDialog is the dialog that asks for a card: in the reader that there is, or
// with the reader that there is not.
type cardDialog struct {
	reader bool
	answer chan error
	cancel context.CancelFunc
}

func (a *attempt) askCard(ctx context.Context, s pkcs11.Snapshot) cardDialog {
	d := cardDialog{reader: !a.Cards.NoReader(s), answer: make(chan error, 1)}
	ctx, d.cancel = context.WithCancel(ctx)
	a.step("card_asked")
	go func() {
		defer d.cancel()
		d.answer <- a.Prompter.InsertCard(ctx, a.Lang, a.caller(ctx), d.reader)
	}()
	return d
}

// close returns once the dialog is gone, with what was answered at the last moment.
func (d cardDialog) close() error {
	d.cancel()
	return <-d.answer
}

// choose returns the certificate of the login: the one chosen beforehand, the
// only one, or the person's choice from a list.
func (a *attempt) choose(ctx context.Context, s pkcs11.Snapshot) (pkcs11.Certificate, error) {
	fitting := cards.Fitting(s)
	if len(fitting) == 0 {
		return pkcs11.Certificate{}, cards.NoneFits(s)
	}
	if c, ok := a.Cards.Chosen(s); ok {
		a.justRead = true
		return c, nil
	}
	if len(fitting) == 1 {
		a.justRead = true
		return fitting[0], nil
	}
	a.Progress(protocol.ChoosingCertificate)
	dialog, cancel := context.WithTimeout(ctx, a.Limits.Dialog)
	defer cancel()
	holders := make([]prompt.Holder, len(fitting))
	for i, c := range fitting {
		holders[i] = holder(c, a.Lang)
	}
	dialog, end := a.Cards.WhilePresent(dialog, fitting...)
	defer end()
	dialog, elsewhere, endChoice := a.Cards.WhileNotChosen(dialog, s, a.Changes.Listen(dialog))
	defer endChoice()
	a.step("choice_asked")
	i, err := a.Prompter.Choose(dialog, a.Lang, a.caller(ctx), holders)
	a.answered(err, "choice_made", "choice_denied", "choice_ended")
	if c, ok := elsewhere(); ok && err != nil {
		return c, nil
	}
	if err != nil {
		return pkcs11.Certificate{}, cards.CardRemoved(dialog, err)
	}
	return fitting[i], nil
}

// holder is what dialogs say of a certificate.
func holder(c pkcs11.Certificate, lang string) prompt.Holder {
	p := cards.Person(c)
	return prompt.Holder{
		Name: p.DisplayName(), Identifier: p.Identifier, Profession: cps.ProfessionIn(lang, p.Profession), Kind: p.Kind,
		NotAfter: language.Date(c.X509.NotAfter, lang), Renew: cards.EndsSoon(c),
	}
}

// readTries reads the card once more, in the background, after a login that may
// have changed how many PIN tries are left: the menu warns of it.
func (a *attempt) readTries(ctx context.Context, c pkcs11.Certificate, err error) {
	var wire *protocol.Error
	wrong := errors.Is(err, pkcs11.ErrPINIncorrect) || errors.Is(err, pkcs11.ErrPINLocked) || errors.Is(err, pkcs11.ErrOutcomeUnknown) ||
		errors.As(err, &wire) && (wire.Code == protocol.CodePINIncorrect || wire.Code == protocol.CodePINLocked)
	if wrong || cards.PINOf(c.Slot.Token) != state.PINGood {
		a.Cards.Refresh(context.WithoutCancel(ctx))
	}
}
