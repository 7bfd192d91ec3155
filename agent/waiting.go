package agent

import (
	"context"
	"errors"

	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// errChosenInMenu closes the dialog of a choice that was made elsewhere.
var errChosenInMenu = errors.New("agent: the certificate was chosen in the menu")

// whileNotChosen gives a context for the dialog that asks which certificate: it
// ends when the person chooses one of the look's in the menu. inMenu then
// returns that one.
func (l *login) whileNotChosen(ctx context.Context, s pkcs11.Snapshot) (dialog context.Context, inMenu func() (pkcs11.Certificate, bool), end func()) {
	dialog, cancel := context.WithCancelCause(ctx)
	changes := l.changes.listen(dialog)
	chosen := make(chan pkcs11.Certificate, 1)
	go func() {
		for {
			// An error was said when the login began, and is not a choice.
			kept, _ := l.choice.Get()
			if c, ok := kept.Among(s); ok {
				chosen <- c
				cancel(errChosenInMenu)
				return
			}
			select {
			case <-dialog.Done():
				return
			case <-changes:
			}
		}
	}()
	inMenu = func() (pkcs11.Certificate, bool) {
		if !errors.Is(context.Cause(dialog), errChosenInMenu) {
			return pkcs11.Certificate{}, false
		}
		return <-chosen, true
	}
	return dialog, inMenu, func() { cancel(nil) }
}

// lookAtTries reads the card once more, in the background, after a login that
// may have changed how many PINs are left: the menu warns of it.
func (l *login) lookAtTries(ctx context.Context, c pkcs11.Certificate, err error) {
	var wire *Error
	wrong := errors.Is(err, pkcs11.ErrPINIncorrect) || errors.Is(err, pkcs11.ErrPINLocked) || errors.Is(err, pkcs11.ErrOutcomeUnknown) ||
		errors.As(err, &wire) && (wire.Code == CodePINIncorrect || wire.Code == CodePINLocked)
	if wrong || triesOf(c.Slot.Token) != TriesPlenty {
		l.looks.refresh(context.WithoutCancel(ctx))
	}
}
