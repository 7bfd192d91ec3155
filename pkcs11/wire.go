package pkcs11

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	p11 "github.com/miekg/pkcs11"
)

// What the agent and a module's process say to each other: frames of a JSON
// head and a tail of bytes. PINs, data to sign and signatures travel in the
// tail, so that they can be overwritten.

// call is what the agent asks. Op is the function's name in PKCS#11 v2.40.
type call struct {
	Op        string     `json:"op"`
	Limit     int64      `json:"limit"` // milliseconds that the agent gives the call
	Slot      uint       `json:"slot,omitempty"`
	Session   uint       `json:"session,omitempty"`
	Object    uint       `json:"object,omitempty"`
	User      uint       `json:"user,omitempty"`
	Types     []uint     `json:"types,omitempty"`
	Template  []wireAttr `json:"template,omitempty"`
	Mechanism uint       `json:"mechanism,omitempty"`
	Parameter []byte     `json:"parameter,omitempty"`
	// Then are the calls that follow at once where this one succeeds, each where the one
	// before it does. The frame's tail is the last one's. One without a session is of that
	// which this call opens.
	Then []call `json:"then,omitempty"`
	// Reading numbers the reading that the call is a part of, or is 0.
	Reading uint64 `json:"reading,omitempty"`
}

type wireAttr struct {
	Type  uint   `json:"type"`
	Value []byte `json:"value"`
}

// reply is what the module's process answers.
type reply struct {
	CKR       uint           `json:"ckr,omitempty"` // a CKR value, or 0
	Failure   string         `json:"failure,omitempty"`
	Op        string         `json:"op,omitempty"`   // of an opening: the function that failed
	Kind      string         `json:"kind,omitempty"` // of loadKinds, where the module could not be loaded
	Info      *p11.Info      `json:"info,omitempty"`
	SlotInfo  *p11.SlotInfo  `json:"slotInfo,omitempty"`
	TokenInfo *p11.TokenInfo `json:"tokenInfo,omitempty"`
	IDs       []uint         `json:"ids,omitempty"`
	Value     uint           `json:"value,omitempty"`
	Values    [][]byte       `json:"values,omitempty"`
	// Objects are the attributes asked for with a search, of each object found, as far as
	// they were read.
	Objects [][]reply `json:"objects,omitempty"`
	Then    []reply   `json:"then,omitempty"` // of the calls that were made of those
}

// failed reports whether the call was answered with an error.
func (r *reply) failed() bool { return r.CKR != 0 || r.Failure != "" || r.Kind != "" }

// maxFrame and maxTail bound what is taken from the other side: a process that a module
// has run wild in must not fill the agent's memory.
const (
	maxFrame = 4 << 20
	maxTail  = 64 << 10 // PINs, digests and signatures have some hundred bytes
	maxParts = 64 << 10 // a part of two bytes may become a reply, which is a hundred times that
)

var (
	errFrame = errors.New("pkcs11: a frame of an impossible length")
	errParts = errors.New("pkcs11: a frame of too many parts")
)

// pipe reads and writes frames. One goroutine may read while another writes.
type pipe struct {
	r   io.Reader // not buffered: a buffer would keep what a PIN was read through
	w   io.Writer
	out []byte
}

// send writes one frame in one write.
func (p *pipe) send(head any, tail []byte) error {
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	out := append(p.out[:0], 0, 0, 0, 0, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(out[0:], uint32(len(text)))
	binary.BigEndian.PutUint32(out[4:], uint32(len(tail)))
	out = append(append(out, text...), tail...)
	p.out = out
	_, err = p.w.Write(out)
	clear(out)
	return err
}

// receive reads one frame. The tail is the caller's to overwrite.
func (p *pipe) receive(head any) ([]byte, error) {
	var lengths [8]byte
	if _, err := io.ReadFull(p.r, lengths[:]); err != nil {
		return nil, err
	}
	text, tail := binary.BigEndian.Uint32(lengths[0:]), binary.BigEndian.Uint32(lengths[4:])
	if text > maxFrame || tail > maxTail {
		return nil, errFrame
	}
	var in bytes.Buffer // grows with what comes, not with what was announced
	if _, err := io.CopyN(&in, p.r, int64(text)); err != nil {
		return nil, err
	}
	if bytes.Count(in.Bytes(), []byte{','}) > maxParts {
		return nil, errParts
	}
	value := make([]byte, tail) // at once: a buffer that grows leaves parts of a PIN behind
	if _, err := io.ReadFull(p.r, value); err != nil {
		clear(value)
		return nil, err
	}
	if err := json.Unmarshal(in.Bytes(), head); err != nil {
		clear(value)
		return nil, fmt.Errorf("pkcs11: a frame that is not understood: %w", err)
	}
	return value, nil
}
