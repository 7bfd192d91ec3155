package pcsc

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
)

// Card is what the service says of the card in a reader. No card is asked.
type Card struct {
	Present bool
	Mute    bool   // it does not answer: upside down, or dirty or broken
	ATR     string // its answer to reset, in lower-case hex
}

// stateMute is SCARD_STATE_MUTE.
const stateMute uint32 = 0x0200

// CardIn is what the service says now of the card in the reader of that name. It fails
// with ErrUnknownReader where there is none.
func CardIn(reader string) (Card, error) {
	states, err := stateNow(reader)
	if err != nil {
		return Card{}, err
	}
	return states[0].card(), nil
}

// AwaitCard returns once the service says that there is a card in the reader, or
// fails when ctx ends. It blocks in the service meanwhile.
func AwaitCard(ctx context.Context, reader string) error {
	lib, err := load()
	if err != nil {
		return err
	}
	handle, err := lib.establish()
	if err != nil {
		return err
	}
	defer lib.release(handle)
	ended := make(chan struct{})
	defer close(ended)
	go cancelWhenDone(ctx, lib, handle, ended)
	if err := known(lib, handle, reader); err != nil {
		return err
	}
	states := []readerState{{name: reader}}
	for {
		err := lib.statusChange(handle, states)
		var code Code
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &code) && (code == codeTimeout || code == codeCancelled):
		case err != nil:
			return err
		}
		if c := states[0].card(); c.Present && !c.Mute {
			return nil
		}
		states[0].current = states[0].event &^ stateChanged
	}
}

func (s readerState) card() Card {
	return Card{Present: s.event&statePresent != 0, Mute: s.event&stateMute != 0, ATR: hex.EncodeToString(s.atr)}
}

// stateNow is the state of one reader.
func stateNow(reader string) ([]readerState, error) {
	lib, err := load()
	if err != nil {
		return nil, err
	}
	handle, err := lib.establish()
	if err != nil {
		return nil, err
	}
	defer lib.release(handle)
	if err := known(lib, handle, reader); err != nil {
		return nil, err
	}
	// A state that is not known yet is answered at once.
	states := []readerState{{name: reader}}
	return states, lib.statusChange(handle, states)
}

// known fails with ErrUnknownReader where the service has no reader of that name.
func known(lib *library, handle uintptr, reader string) error {
	names, err := lib.readers(handle)
	if err == nil && !slices.Contains(names, reader) {
		err = ErrUnknownReader
	}
	return err
}
