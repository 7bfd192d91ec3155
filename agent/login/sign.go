package login

import (
	"context"
	"errors"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// sign asks for the PIN and signs. Each round is one entry of the person's and
// at most one try on the card; after a wrong PIN the person is asked anew, and
// a person who then stops gets pin_incorrect.
func (a *attempt) sign(ctx context.Context, c pkcs11.Certificate) (pkcs11.Signature, error) {
	if a.mayOpenSession() && a.Signer.HasCardSession(c.ID) {
		signature, err := a.signInSession(ctx, c)
		a.justRead = false // the person was asked
		if !errors.Is(err, pkcs11.ErrNoCardSession) {
			return signature, err
		}
	}
	var asked entry
	var last *pkcs11.PINError
	for {
		signature, err := a.signOnce(ctx, c, asked)
		switch {
		case err == nil && a.Signer.HasCardSession(c.ID):
			a.sessionOpened(ctx)
			return signature, nil
		case errors.Is(err, pkcs11.ErrOutcomeUnknown) && !asked.unsure:
			// The PIN is forgotten; what the card has made of it, its tries will
			// show, and the person decides whether to go on.
			asked = entry{unsure: true}
		case errors.Is(err, pkcs11.ErrPINIncorrect) && !errors.Is(err, pkcs11.ErrPINLocked):
			last = nil
			errors.As(err, &last)
			if last != nil && last.Locked {
				return signature, protocol.Fail(protocol.CodePINLocked)
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
	e := protocol.Fail(protocol.CodePINIncorrect)
	if last != nil && last.FinalTry {
		one := 1
		e.Data.TriesLeft = &one
	}
	return refusedError{e}
}

// entry is what became of the person's last one.
type entry struct{ wrong, length, unsure bool }

// signInSession signs in an open card session: in place of the PIN the person is
// asked for consent, whatever the origin, naming it and the holder.
func (a *attempt) signInSession(ctx context.Context, c pkcs11.Certificate) (pkcs11.Signature, error) {
	ctx, end := a.Cards.WhilePresent(ctx, c)
	defer end()
	a.Progress(protocol.AskingConsent)
	dialog, cancel := context.WithTimeout(ctx, a.Limits.Dialog)
	defer cancel()
	if err := a.Prompter.Confirm(dialog, a.Lang, a.caller(ctx), holder(c, a.Lang)); err != nil {
		if errors.Is(err, prompt.ErrCancelled) {
			err = refusedError{protocol.Fail(protocol.CodeConsentDenied)}
		}
		return pkcs11.Signature{}, cards.CardRemoved(ctx, err)
	}
	signature, err := a.Signer.Sign(ctx, pkcs11.Request{
		CertificateID: c.ID, Message: a.message, UseCardSession: true, MayReset: a.mayReset, Signing: func() { a.Progress(protocol.Signing) },
		Step: a.Running.call,
	})
	return signature, cards.CardRemoved(ctx, err)
}

func (a *attempt) message(algorithm pkcs11.Algorithm) ([]byte, error) {
	return authtoken.Message(string(algorithm), a.Caller.Origin, a.Nonce)
}

func (a *attempt) signOnce(ctx context.Context, c pkcs11.Certificate, last entry) (pkcs11.Signature, error) {
	// The PIN pad's dialog stands as long as the card's login.
	pinPad, endPINPad := context.WithCancel(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, end := a.Cards.WhilePresent(ctx, c)
	defer end()
	replaced := false
	var pinPadEnded chan struct{}
	defer func() {
		endPINPad()
		if pinPadEnded != nil {
			<-pinPadEnded
		}
	}()
	justRead := a.justRead
	a.justRead = false // for another round the person was asked
	signature, err := a.Signer.Sign(ctx, pkcs11.Request{
		CertificateID: c.ID, Message: a.message, OpenCardSession: a.mayOpenSession(), MayReset: a.mayReset, JustRead: justRead,
		Signing: func() { endPINPad(); a.Progress(protocol.Signing) },
		Step:    a.Running.call,
		PIN: func(ctx context.Context, ask pkcs11.PINRequest) ([]byte, error) {
			a.Progress(protocol.AskingPIN)
			dialog := a.dialog(ctx, ask, last)
			dialog.Replaced, replaced = replaced, true
			if dialog.Replaced && !prompt.ReplacesPIN(a.Prompter) {
				// What was being typed when the first dialog went must not be an entry
				// of the second: it would cost a try, perhaps the last.
				select {
				case <-time.After(a.Limits.Replace):
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}
			if !ask.Token.ProtectedPath {
				return a.askPIN(ctx, dialog)
			}
			if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < a.Limits.PINPad {
				return nil, prompt.ErrTimeout
			}
			pinPadEnded = make(chan struct{})
			go func() {
				defer close(pinPadEnded)
				// The page is answered at once, and the reader's login runs out: also
				// where no dialog says for which site the reader asks.
				if _, err := a.Prompter.PIN(pinPad, a.Lang, dialog); err != nil && pinPad.Err() == nil {
					cancel(err)
				}
			}()
			return nil, nil
		},
	})
	if cause := context.Cause(ctx); errors.Is(cause, prompt.ErrCancelled) || errors.Is(cause, prompt.ErrUnavailable) {
		if err == nil { // a signature that came in the same moment, and what it opened
			_ = a.Lock(ctx, "the dialog was cancelled")
		}
		return pkcs11.Signature{}, cause
	}
	return signature, cards.CardRemoved(ctx, err)
}

func (a *attempt) askPIN(ctx context.Context, dialog prompt.PIN) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Limits.Dialog)
	defer cancel()
	a.step("pin_asked")
	pin, err := a.Prompter.PIN(ctx, a.Lang, dialog)
	a.answered(err, "pin_entered", "pin_denied", "pin_ended")
	return pin, err
}

func (a *attempt) dialog(ctx context.Context, ask pkcs11.PINRequest, last entry) prompt.PIN {
	return prompt.PIN{
		Caller: a.caller(ctx), Holder: holder(ask.Certificate, a.Lang),
		WrongPIN: last.wrong, LengthHint: last.length, Unsure: last.unsure,
		FinalTry: ask.Token.PINFinalTry, CountLow: ask.Token.PINCountLow,
		MinLength: ask.Token.MinPIN, MaxLength: ask.Token.MaxPIN,
		PINPad: ask.Token.ProtectedPath,
	}
}
