package agent

import (
	"context"
	"errors"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// sign asks for the PIN and signs. Each round is one entry of the person's and
// at most one try on the card; after a wrong PIN the person is asked anew, and
// whoever then stops gets pin_incorrect.
func (l *login) sign(ctx context.Context, c pkcs11.Certificate) (pkcs11.Signature, error) {
	if l.keeps() && l.cards.HasCardSession(c.ID) {
		signature, err := l.signKept(ctx, c)
		if !errors.Is(err, pkcs11.ErrNoCardSession) {
			return signature, err
		}
	}
	var asked entry
	var last *pkcs11.PINError
	for {
		signature, err := l.signOnce(ctx, c, asked)
		switch {
		case err == nil && l.cards.HasCardSession(c.ID):
			l.kept(ctx)
			return signature, nil
		case errors.Is(err, pkcs11.ErrOutcomeUnknown) && !asked.unsure:
			// The PIN is forgotten; what the card has made of it, its tries will
			// tell, and the person decides whether to go on.
			asked = entry{unsure: true}
		case errors.Is(err, pkcs11.ErrPINIncorrect) && !errors.Is(err, pkcs11.ErrPINLocked):
			last = nil
			errors.As(err, &last)
			if last != nil && last.Locked {
				return signature, fail(CodePINLocked)
			}
			asked = entry{wrong: true}
		case errors.Is(err, pkcs11.ErrPINLength):
			asked.length = true // nothing was sent to the card
		case asked.wrong && errors.Is(err, prompt.ErrCancelled):
			return signature, stopped(last)
		default:
			return signature, err
		}
		if ctx.Err() != nil {
			return signature, context.Cause(ctx)
		}
	}
}

// stopped is the error of a person who ends the dialog after a wrong PIN.
func stopped(last *pkcs11.PINError) error {
	e := fail(CodePINIncorrect)
	if last != nil && last.FinalTry {
		one := 1
		e.Data.TriesLeft = &one
	}
	return deniedError{e}
}

// entry is what became of the person's last one.
type entry struct{ wrong, length, unsure bool }

// signKept signs with a login that was kept: in place of the PIN the person is
// asked for consent, whatever the origin, naming it and the holder.
func (l *login) signKept(ctx context.Context, c pkcs11.Certificate) (pkcs11.Signature, error) {
	ctx, end := l.whilePresent(ctx, c)
	defer end()
	l.progress(waitingForConsent)
	dialog, cancel := context.WithTimeout(ctx, l.limits.Dialog)
	defer cancel()
	if err := l.prompter.Confirm(dialog, l.lang, l.caller(), Holder(c, l.lang)); err != nil {
		if errors.Is(err, prompt.ErrCancelled) {
			err = deniedError{fail(CodeConsentDenied)}
		}
		return pkcs11.Signature{}, removed(ctx, err)
	}
	signature, err := l.cards.Sign(ctx, pkcs11.Request{
		CertificateID: c.ID, Message: l.message, UseCardSession: true, Signing: func() { l.progress(signing) },
	})
	return signature, removed(ctx, err)
}

func (l *login) message(a pkcs11.Algorithm) ([]byte, error) {
	return authtoken.Message(string(a), l.who.origin, l.nonce)
}

func (l *login) signOnce(ctx context.Context, c pkcs11.Certificate, last entry) (pkcs11.Signature, error) {
	// The PIN pad's dialog stands as long as the card's login.
	pad, endPad := context.WithCancel(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, end := l.whilePresent(ctx, c)
	defer end()
	var padEnded chan struct{}
	defer func() {
		endPad()
		if padEnded != nil {
			<-padEnded
		}
	}()
	signature, err := l.cards.Sign(ctx, pkcs11.Request{
		CertificateID: c.ID, Message: l.message, OpenCardSession: l.keeps(),
		Signing: func() { endPad(); l.progress(signing) },
		PIN: func(ctx context.Context, ask pkcs11.PINRequest) ([]byte, error) {
			l.progress(waitingForPIN)
			dialog := l.dialog(ask, last)
			if !ask.Token.ProtectedPath {
				return l.askPIN(ctx, dialog)
			}
			if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < l.limits.PINPad {
				return nil, prompt.ErrTimeout
			}
			padEnded = make(chan struct{})
			go func() {
				defer close(padEnded)
				// The page is answered at once, and the reader's login runs out: also
				// where no dialog says for which site the reader asks.
				if _, err := l.prompter.PIN(pad, l.lang, dialog); err != nil && pad.Err() == nil {
					cancel(err)
				}
			}()
			return nil, nil
		},
	})
	if cause := context.Cause(ctx); errors.Is(cause, prompt.ErrCancelled) || errors.Is(cause, prompt.ErrUnavailable) {
		return pkcs11.Signature{}, cause // also of a signature that came in the same moment
	}
	return signature, removed(ctx, err)
}

func (l *login) askPIN(ctx context.Context, dialog prompt.PIN) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, l.limits.Dialog)
	defer cancel()
	return l.prompter.PIN(ctx, l.lang, dialog)
}

func (l *login) dialog(ask pkcs11.PINRequest, last entry) prompt.PIN {
	return prompt.PIN{
		Caller: l.caller(), Holder: Holder(ask.Certificate, l.lang),
		WrongPIN: last.wrong, LengthHint: last.length, Unsure: last.unsure,
		FinalTry: ask.Token.PINFinalTry, CountLow: ask.Token.PINCountLow,
		MinLength: ask.Token.MinPIN, MaxLength: ask.Token.MaxPIN,
		PINPad: ask.Token.ProtectedPath,
	}
}
