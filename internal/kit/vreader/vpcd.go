package vreader

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
)

// The control bytes of vpcd (vsmartcard, virtualsmartcard/src/vpcd): a message
// of one byte is one of them, a longer one is a command APDU.
const (
	vpcdOff   = 0
	vpcdOn    = 1
	vpcdReset = 2
	vpcdATR   = 4
)

// ServeVPCD serves a card to the real pcscd's driver vpcd, at address, until ctx
// ends, which removes the card. vpcd listens on every address of the machine: use
// it only in a network namespace of the test's own.
func ServeVPCD(ctx context.Context, address string, card vcard.Card) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("vreader: vpcd: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close()
	card.Reset()
	for {
		err := vpcdMessage(conn, card)
		switch {
		case ctx.Err() != nil || errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("vreader: vpcd: %w", err)
		}
	}
}

// vpcdMessage answers one message, which follows its length in two bytes. vpcd
// writes the two separately, and a delayed acknowledgement would cost 40 ms each.
func vpcdMessage(conn net.Conn, card vcard.Card) error {
	quickAck(conn)
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return err
	}
	quickAck(conn)
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, message); err != nil {
		return err
	}
	var answer []byte
	switch {
	case len(message) != 1:
		answer = card.Transmit(message)
	case message[0] == vpcdATR:
		answer = card.ATR()
	case message[0] == vpcdOff || message[0] == vpcdOn || message[0] == vpcdReset:
		card.Reset()
		return nil
	default:
		return fmt.Errorf("control byte %d", message[0])
	}
	_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	return err
}
