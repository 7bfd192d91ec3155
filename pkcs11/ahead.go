package pkcs11

import p11 "github.com/miekg/pkcs11"

// A call of a module costs a round trip to its process, which on a busy machine is two
// waits for a processor and on any costs more than many a module needs for its answer. So
// calls that go together go as one: what follows a call whatever it gives is made with it,
// and what is read of each object that a search finds is read with the search. The code
// that makes the calls makes them one by one all the same, and is answered at once.

// foreseeing is a driver to which calls that go together are worth naming beforehand.
type foreseeing interface {
	expect(tail []byte, calls ...call)
}

// expect names the calls that will follow the next one where that succeeds, each where
// the one before it does, tail being the data of the last. They are made whatever happens
// between, so nothing that may keep one of them from being made may come between.
func expect(d driver, tail []byte, calls ...call) {
	if f, is := d.(foreseeing); is {
		f.expect(tail, calls...)
	}
}

// ahead is what a module's process has answered before it is asked. The zero value is
// ready. It is used under the module's lease.
type ahead struct {
	expected []call
	tail     []byte
	known    map[asked]known
	reading  uint64 // the number of the last reading
	records  bool   // its calls are being made
}

// asked is what makes two calls the same.
type asked struct {
	op                          string
	slot, session, object, kind uint
}

type known struct {
	reply reply
	value []byte
}

// key is false for a call whose answer is never known beforehand.
func (c *call) key() (asked, bool) {
	k := asked{op: c.Op, slot: c.Slot, session: c.Session, object: c.Object}
	switch c.Op {
	case "C_GetAttributeValue":
		if len(c.Types) != 1 {
			return k, false
		}
		k.kind = c.Types[0]
	case "C_GetSlotInfo", "C_GetTokenInfo":
		k.session = 0
	case "C_FindObjects", "C_Login", "C_SignInit":
		return k, false
	}
	return k, true
}

// name names the calls that go as one: which of them the process ended in is not known.
func (c *call) name() string {
	name := c.Op
	if c.Op == "C_FindObjects" && len(c.Types) > 0 {
		name += ", C_GetAttributeValue"
	}
	for _, next := range c.Then {
		name += ", " + next.Op
	}
	return name
}

func (a *ahead) expect(tail []byte, calls ...call) { a.expected, a.tail = calls, tail }

// answer returns the answer to the call where it is known, once. What else is known does
// not outlive a call that is not about objects: it may change what that would say.
func (a *ahead) answer(c call) (reply, []byte, bool) {
	if len(a.known) == 0 {
		return reply{}, nil, false
	}
	if key, may := c.key(); may {
		if k, is := a.known[key]; is {
			delete(a.known, key)
			return k.reply, k.value, true
		}
	}
	switch c.Op {
	case "C_GetAttributeValue", "C_FindObjects", "C_GetMechanismList":
		for key := range a.known {
			if key.op != "C_GetAttributeValue" {
				delete(a.known, key)
			}
		}
	default:
		clear(a.known)
	}
	return reply{}, nil, false
}

// next returns the calls that go with this one, and the last one's data. None goes with
// C_Login: the frame's tail is the PIN then.
func (a *ahead) next(c call) (expected []call, last []byte) {
	expected, last = a.expected, a.tail
	a.expected, a.tail = nil, nil
	if c.Op == "C_Login" {
		return nil, nil
	}
	return expected, last
}

// number is that of the reading whose calls are being made, or 0.
func (a *ahead) number() uint64 {
	if a.records {
		return a.reading
	}
	return 0
}

// store notes what came with an answer, and takes it off that. The process may have run
// wild: it can answer what was asked, and nothing else.
func (a *ahead) store(c call, answer *reply, value []byte) {
	if answer.failed() {
		return
	}
	if a.known == nil {
		a.known = map[asked]known{}
	}
	for i, each := range answer.Then {
		if i >= len(c.Then) {
			break
		}
		next := c.Then[i]
		if next.Session == 0 && c.Op == "C_OpenSession" {
			next.Session = answer.Value
		}
		key, may := next.key()
		if !may {
			break
		}
		k := known{reply: each}
		if i == len(c.Then)-1 {
			k.value = value
		}
		a.known[key] = k
	}
	for i, attributes := range answer.Objects {
		if i >= len(answer.IDs) || c.Op != "C_FindObjects" {
			break
		}
		for n, each := range attributes {
			if n < len(c.Types) {
				a.known[asked{op: "C_GetAttributeValue", session: c.Session, object: answer.IDs[i], kind: c.Types[n]}] = known{reply: each}
			}
		}
	}
	answer.Then, answer.Objects = nil, nil
}

func (r *moduleProcess) expect(tail []byte, calls ...call) { r.ahead.expect(tail, calls...) }

// signWithKey is C_SignInit and C_Sign, which go together.
func signWithKey(d driver, s p11.SessionHandle, m *p11.Mechanism, key p11.ObjectHandle, data []byte) ([]byte, error) {
	expect(d, data, call{Op: "C_Sign", Session: uint(s)})
	if err := d.SignInit(s, m, key); err != nil {
		return nil, err
	}
	return d.Sign(s, data)
}

// endSession is C_Logout and C_CloseSession, which go together.
func endSession(d driver, s p11.SessionHandle) {
	expect(d, nil, call{Op: "C_CloseSession", Session: uint(s)})
	_ = d.Logout(s)
	_ = d.CloseSession(s)
}
