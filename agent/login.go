package agent

import (
	"context"
	"errors"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// The states of the progress notification.
const (
	waitingForConsent   = "waiting-for-consent"
	waitingForCard      = "waiting-for-card"
	choosingCertificate = "choosing-certificate"
	waitingForPIN       = "waiting-for-pin"
	signing             = "signing"
)

type authenticateParams struct {
	nonce, lang string
}

func parseAuthenticate(r request) (authenticateParams, *Error) {
	nonce, bad := r.stringParam("challengeNonce", true)
	if bad != nil {
		return authenticateParams{}, bad
	}
	if err := authtoken.CheckNonce(nonce); err != nil {
		return authenticateParams{}, newError(CodeInvalidParams, "", "params.challengeNonce: "+err.Error())
	}
	lang, bad := r.stringParam("lang", false)
	return authenticateParams{nonce: nonce, lang: lang}, bad
}

// login is one authenticate from its turn in the queue to the token.
type login struct {
	*Server
	who      caller
	lang     string
	nonce    string
	progress func(state string)
}

// login waits for its turn and runs. The second result is the certificate's ID.
func (s *Server) login(ctx context.Context, who caller, ask authenticateParams, progress func(string)) (*authtoken.Token, string, *Error) {
	begun := s.now()
	l := &login{Server: s, who: who, lang: s.language(ask.lang), nonce: ask.nonce, progress: progress}
	token, id, err := l.run(ctx)
	log := s.log.With("origin", who.origin, "program", who.peer.Program, "ms", s.now().Sub(begun).Milliseconds())
	if err != nil {
		wire := wireError(err)
		log.Info("login failed", "code", wire.Code, "error", err)
		return nil, "", wire
	}
	log.Info("login signed", "certificate", id[:8])
	return token, id, nil
}

func (l *login) run(ctx context.Context) (*authtoken.Token, string, error) {
	if err := l.queue.enter(ctx, l.who.origin); err != nil {
		return nil, "", err
	}
	l.changes.tell()
	defer func() { l.queue.leave(); l.changes.tell() }()
	ctx, cancel := context.WithTimeoutCause(ctx, l.limits.Request, errTimeUp)
	defer cancel()

	token, id, err := l.steps(ctx)
	if cause := context.Cause(ctx); cause != nil && err != nil {
		// The page cancelled or the time is up: whatever a dialog or the card
		// said because of it comes second.
		err = cause
	}
	if err != nil {
		if errors.Is(err, prompt.ErrCancelled) {
			l.queue.refused(l.who.origin, wireError(err))
		}
		if errors.Is(err, errPageCancelled) {
			l.queue.abandoned(l.who.origin)
		}
		return nil, "", err
	}
	l.queue.succeeded(l.who.origin)
	l.proven.add(l.who.origin, id)
	return token, id, nil
}

func (l *login) steps(ctx context.Context) (*authtoken.Token, string, error) {
	if !l.allowed(l.who.origin) {
		// Before any look at reader, card or module: a stranger learns nothing.
		if l.remembered.refresh(ctx, l.limits.Sites); !l.allowed(l.who.origin) {
			if err := l.consent(ctx); err != nil {
				return nil, "", err
			}
		}
	}
	snapshot, err := l.card(ctx)
	if err != nil {
		return nil, "", err
	}
	certificate, err := l.choose(ctx, snapshot)
	if err != nil {
		return nil, "", err
	}
	signature, err := l.sign(ctx, certificate)
	l.lookAtTries(ctx, certificate, err)
	if err != nil {
		return nil, "", err
	}
	if ctx.Err() != nil { // nothing is sent after a cancel
		return nil, "", context.Cause(ctx)
	}
	token, err := authtoken.New(signature.Certificate.X509, string(signature.Algorithm), signature.Value, appVersion(l.version))
	if err != nil {
		return nil, "", err
	}
	return &token, certificate.ID, nil
}

func appVersion(version string) string { return "https://cpx-bridge.invalid/cpx-agent/" + version }

func (l *login) caller() prompt.Caller {
	return prompt.Caller{Origin: l.who.origin, Program: l.who.peer.Program}
}

// deniedError is a wire error of which it must be known that a person's own
// answer caused it.
type deniedError struct{ wire *Error }

func (e deniedError) Error() string      { return e.wire.Error() }
func (deniedError) Is(target error) bool { return target == prompt.ErrCancelled }
func (e deniedError) Unwrap() error      { return e.wire }

func (l *login) consent(ctx context.Context) error {
	l.progress(waitingForConsent)
	dialog, cancel := context.WithTimeout(ctx, l.limits.Dialog)
	defer cancel()
	err := l.prompter.Consent(dialog, l.lang, l.caller())
	if errors.Is(err, prompt.ErrCancelled) {
		return deniedError{fail(CodeConsentDenied)}
	}
	return err
}

// card looks for a card, and waits for one with the person where there is none.
func (l *login) card(ctx context.Context) (pkcs11.Snapshot, error) {
	snapshot, err := l.looks.list(ctx)
	if err != nil || hasCard(snapshot) {
		return snapshot, err
	}
	l.progress(waitingForCard)
	waiting, cancel := context.WithTimeout(ctx, l.limits.Insert)
	defer cancel()
	dialog := l.askCard(waiting, snapshot)
	for {
		next := l.looks.next()
		if dialog.reader == l.readers.none(snapshot) {
			if err := dialog.close(); errors.Is(err, prompt.ErrCancelled) {
				return snapshot, err
			}
			dialog = l.askCard(waiting, snapshot)
		}
		var tick <-chan time.Time // only where no event would tell
		if !l.readers.tell(snapshot) {
			tick = time.After(l.limits.Look)
		}
		select {
		case err := <-dialog.answer:
			if errors.Is(err, prompt.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
				return snapshot, l.noCard(snapshot)
			}
			return snapshot, err
		case <-next:
			// The look that ended may be somebody else's, and the events' own.
			if seen, _ := l.cards.Snapshot(); !hasCard(seen) {
				snapshot = seen
				continue
			}
		case <-tick:
		}
		found, err := l.looks.list(waiting)
		if waiting.Err() != nil {
			continue // the dialog ends with it and says how
		}
		if snapshot = found; err != nil || hasCard(snapshot) {
			_ = dialog.close() // it is gone before the next one comes
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

func (l *login) askCard(ctx context.Context, s pkcs11.Snapshot) cardDialog {
	d := cardDialog{reader: !l.readers.none(s), answer: make(chan error, 1)}
	ctx, d.cancel = context.WithCancel(ctx)
	go func() {
		defer d.cancel()
		d.answer <- l.prompter.InsertCard(ctx, l.lang, l.caller(), d.reader)
	}()
	return d
}

// close returns once it is gone, with what was answered at the last moment.
func (d cardDialog) close() error {
	d.cancel()
	return <-d.answer
}

func (l *login) noCard(s pkcs11.Snapshot) error {
	if l.readers.count(s) > 0 {
		return fail(CodeNoCard)
	}
	e := fail(CodeNoReader)
	e.Data.Detail = l.readers.service()
	return e
}

// choose returns the certificate of the login: the one chosen beforehand, the
// only one, or the person's choice from a list.
func (l *login) choose(ctx context.Context, s pkcs11.Snapshot) (pkcs11.Certificate, error) {
	usable := usable(s)
	if len(usable) == 0 {
		return pkcs11.Certificate{}, noCertificate(s)
	}
	chosen, err := l.choice.Get()
	if err != nil {
		l.log.Warn("the choice of certificate cannot be read", "error", err)
	}
	if c, ok := chosen.Among(s); ok {
		return c, nil
	}
	if len(usable) == 1 {
		return usable[0], nil
	}
	l.progress(choosingCertificate)
	dialog, cancel := context.WithTimeout(ctx, l.limits.Dialog)
	defer cancel()
	holders := make([]prompt.Holder, len(usable))
	for i, c := range usable {
		holders[i] = Holder(c, l.lang)
	}
	dialog, end := l.whilePresent(dialog, usable...)
	defer end()
	dialog, inMenu, endMenu := l.whileNotChosen(dialog, s)
	defer endMenu()
	i, err := l.prompter.Choose(dialog, l.lang, l.caller(), holders)
	if c, ok := inMenu(); ok && err != nil {
		return c, nil
	}
	if err != nil {
		return pkcs11.Certificate{}, removed(dialog, err)
	}
	return usable[i], nil
}

// whilePresent gives a context for a dialog that closes when the card of one of
// the certificates leaves. Where no event would tell, it looks now and then.
func (l *login) whilePresent(ctx context.Context, certificates ...pkcs11.Certificate) (context.Context, func()) {
	var asked pkcs11.Snapshot
	var ids []string
	for _, c := range certificates {
		asked.Slots, ids = append(asked.Slots, c.Slot), append(ids, c.ID)
	}
	ctx, end := l.waits.begin(ctx, ids...)
	if l.readers.tell(asked) {
		return ctx, end
	}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(lookFactor * l.limits.Look):
				_, _ = l.looks.list(ctx) // whoever waits is told by it
			}
		}
	}()
	return ctx, end
}

// lookFactor: whoever types a PIN is in less of a hurry than who waits for a card.
const lookFactor = 3

// removed is the error of a dialog, or that its card has left.
func removed(dialog context.Context, err error) error {
	if errors.Is(context.Cause(dialog), pkcs11.ErrCardRemoved) {
		return pkcs11.ErrCardRemoved
	}
	return err
}

// usable are the certificates of a look that a login may use.
func usable(s pkcs11.Snapshot) []pkcs11.Certificate {
	var usable []pkcs11.Certificate
	for _, c := range s.Certificates {
		if c.Reason == pkcs11.Usable {
			usable = append(usable, c)
		}
	}
	return usable
}

// noCertificate says why none fits: with several reasons, the authentication
// certificate's, because that is the one the person means.
func noCertificate(s pkcs11.Snapshot) error {
	if len(s.Certificates) == 0 {
		return fail(CodeCardUnsupported)
	}
	e := fail(CodeNoCertificate)
	for _, r := range []pkcs11.Reason{pkcs11.Expired, pkcs11.NotYetValid, pkcs11.KeyWithoutPIN, pkcs11.NotForAuthentication} {
		for _, c := range s.Certificates {
			if c.Reason == r {
				e.Data.Detail = string(r)
				return e
			}
		}
	}
	return e
}
