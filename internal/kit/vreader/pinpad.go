package vreader

import "encoding/binary"

// The reader's features (PC/SC part 10, version 2.02.09).
const (
	controlFeatures     = 0x42000000 + 3400 // CM_IOCTL_GET_FEATURE_REQUEST
	featureVerifyDirect = 0x06
	controlVerifyDirect = 0x42330006
)

// control answers a command to the reader itself.
func (c *client) control(body []byte) error {
	var m controlMessage
	if _, err := decode(body, &m); err != nil {
		return err
	}
	if m.Length > maxBody {
		return errTooLong
	}
	in := make([]byte, m.Length)
	if err := readAll(c.conn, in); err != nil {
		return err
	}
	h, code := c.service.use(m.Handle)
	var out []byte
	if code == codeSuccess {
		switch {
		case m.Control == controlFeatures && h.reader.pinPad:
			out = binary.BigEndian.AppendUint32([]byte{featureVerifyDirect, 4}, controlVerifyDirect)
		case m.Control == controlFeatures:
		case m.Control == controlVerifyDirect && h.reader.pinPad:
			out, code = h.askPINPad(in)
		default:
			code = codeUnsupported
		}
	}
	m.Code, m.Received = code, uint32(len(out))
	if code != codeSuccess {
		return c.write(m)
	}
	return c.write(m, out)
}

// The PIN pad's own answers (PC/SC part 10, 2.5.2).
var (
	pinPadCancelled = []byte{0x64, 0x01}
	pinPadTimeout   = []byte{0x64, 0x00}
	pinPadWrong     = []byte{0x6B, 0x80}
)

// verifyHeader is the fixed part of PIN_VERIFY_STRUCTURE.
const verifyHeader = 19

// askPINPad waits for a person at the PIN pad and puts the PIN in the command.
func (h *handle) askPINPad(in []byte) ([]byte, uint32) {
	if len(in) < verifyHeader+4 {
		return pinPadWrong, codeSuccess
	}
	r := h.reader
	r.service.mu.Lock()
	gone := r.gone
	r.service.mu.Unlock()
	var pin string
	select {
	case pin = <-r.keys:
	case <-gone:
		return nil, codeNotTransacted
	}
	switch pin {
	case cancelKey:
		return pinPadCancelled, codeSuccess
	case timeoutKey:
		return pinPadTimeout, codeSuccess
	}
	template := in[verifyHeader:]
	command := append([]byte(nil), template[:4]...)
	block := []byte(pin)
	if len(template) > 5 { // a block of fixed length, whose end remains padding
		block = append(block, template[min(5+len(pin), len(template)):]...)
	}
	command = append(append(command, byte(len(block))), block...)
	return h.exchange(command)
}
