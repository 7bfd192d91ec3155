package vreader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// The messages of pcsc-lite 1.9 to 2.4 (winscard_msg.h): little-endian 32-bit fields
// in the order of the C structures, of which only readerState has padding.

// The version of the protocol. A client of 1.9 speaks 4:4; one of 2.3 speaks 4:5, which
// adds cmdReaderEvents; one of 2.5 prefers 4:6 and takes less.
const (
	versionMajor = 4
	versionMinor = 5
)

const (
	cmdEstablish    = 0x01
	cmdRelease      = 0x02
	cmdConnect      = 0x04
	cmdReconnect    = 0x05
	cmdDisconnect   = 0x06
	cmdBegin        = 0x07
	cmdEnd          = 0x08
	cmdTransmit     = 0x09
	cmdControl      = 0x0A
	cmdStatus       = 0x0B
	cmdCancel       = 0x0D
	cmdGetAttribute = 0x0F
	cmdSetAttribute = 0x10
	cmdVersion      = 0x11
	cmdReaders      = 0x12
	cmdWait         = 0x13
	cmdStopWait     = 0x14
	cmdReaderEvents = 0x15
)

// The return values (pcsclite.h).
const (
	codeSuccess           uint32 = 0
	codeCancelled         uint32 = 0x80100002
	codeInvalidHandle     uint32 = 0x80100003
	codeInvalidParameter  uint32 = 0x80100004
	codeUnknownReader     uint32 = 0x80100009
	codeSharingViolation  uint32 = 0x8010000B
	codeNoCard            uint32 = 0x8010000C
	codeProtoMismatch     uint32 = 0x8010000F
	codeNotTransacted     uint32 = 0x80100016
	codeReaderUnavailable uint32 = 0x80100017
	codeUnsupported       uint32 = 0x80100022
	codeUnresponsive      uint32 = 0x80100066
	codeReset             uint32 = 0x80100068
	codeRemoved           uint32 = 0x80100069
	codeSecurity          uint32 = 0x8010006A
)

type header struct{ Size, Command uint32 }

// maxBody is the longest message that a client may send, in bytes.
const maxBody = 1 << 17

var errTooLong = errors.New("vreader: a message of impossible length")

type versionMessage struct {
	Major, Minor int32
	Code         uint32
}

type contextMessage struct{ Scope, Context, Code uint32 }

type releaseMessage struct{ Context, Code uint32 }

type connectMessage struct {
	Context   uint32
	Reader    [128]byte
	Share     uint32
	Preferred uint32
	Handle    int32
	Active    uint32
	Code      uint32
}

type reconnectMessage struct {
	Handle                               int32
	Share, Preferred, Initialise, Active uint32
	Code                                 uint32
}

// handleMessage is the message of disconnect and end of transaction.
type handleMessage struct {
	Handle      int32
	Disposition uint32
	Code        uint32
}

// plainMessage is the message of begin of transaction and status.
type plainMessage struct {
	Handle int32
	Code   uint32
}

type transmitMessage struct {
	Handle                              int32
	SendProtocol, SendPCILength, Length uint32
	ReceiveProtocol, ReceivePCILength   uint32
	Received                            uint32
	Code                                uint32
}

type controlMessage struct {
	Handle                           int32
	Control, Length, Space, Received uint32
	Code                             uint32
}

type attributeMessage struct {
	Handle    int32
	Attribute uint32
	Value     [264]byte
	Length    uint32
	Code      uint32
}

type waitMessage struct{ Timeout, Code uint32 }

// readerEventsMessage says how often readers have come and gone, by which a client
// notices it while it did not wait.
type readerEventsMessage struct{ Events, Code uint32 }

type readerState struct {
	Name     [128]byte
	Count    uint32
	State    uint32
	Sharing  int32
	ATR      [33]byte
	_        [3]byte
	ATRSize  uint32
	Protocol uint32
}

// The flags of a reader's state.
const (
	stateAbsent     = 0x02
	statePresent    = 0x04
	stateSwallowed  = 0x08
	statePowered    = 0x10
	stateNegotiable = 0x20
)

func readHeader(r io.Reader) (header, []byte, error) {
	var h header
	if err := binary.Read(r, binary.LittleEndian, &h); err != nil {
		return h, nil, err
	}
	if h.Size > maxBody {
		return h, nil, errTooLong
	}
	body := make([]byte, h.Size)
	_, err := io.ReadFull(r, body)
	return h, body, err
}

// decode reads a message from a body and returns the data after it.
func decode(body []byte, message any) (data []byte, err error) {
	r := bytes.NewReader(body)
	if err := binary.Read(r, binary.LittleEndian, message); err != nil {
		return nil, err
	}
	return body[len(body)-r.Len():], nil
}

func encode(parts ...any) []byte {
	var out bytes.Buffer
	for _, p := range parts {
		// It cannot fail: parts are of fixed size or bytes, and a buffer accepts all.
		_ = binary.Write(&out, binary.LittleEndian, p)
	}
	return out.Bytes()
}
