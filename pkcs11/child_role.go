package pkcs11

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/nodump"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// RunChildRole makes this program the process of one module where its arguments
// say so, and then never returns. Every program that opens a Pool calls it
// first in main: the pool starts the program itself again in that role.
func RunChildRole() {
	args, asked := role.PKCS11Module.Asked(1, 2) // the module's path, and its init string where there is one
	if !asked {
		return
	}
	_ = nodump.Set()                                  // the PIN passes through here
	_ = nodump.Libraries(args[0], OnNetwork(args[0])) // whoever named such a module has decided that
	in, out, err := role.Ends()
	if err != nil {
		os.Exit(role.ExitMisused)
	}
	c := &child{pipe: &pipe{r: in, w: out}, path: args[0], initString: strings.Join(args[1:], ""), slots: map[p11.SessionHandle]uint{}, loggedIn: map[p11.SessionHandle]bool{}}
	c.serve()
	os.Exit(role.ExitDone)
}

// child serves the calls of one module. Calls come one after the other.
type child struct {
	pipe *pipe
	path string
	// initString is what the module wants as pReserved.
	initString string
	module     driver
	slots      map[p11.SessionHandle]uint // of the open sessions
	loggedIn   map[p11.SessionHandle]bool
	limit      atomic.Int64 // milliseconds, of the call that runs
	last       recorded
}

type received struct {
	call call
	tail []byte
}

// serve answers until the agent closes its end or dies. A login that runs then
// runs out, the card is logged out and reset, and the process ends: a vendor's
// module must not be left behind with an open card.
func (c *child) serve() {
	calls := make(chan received)
	go func() {
		defer close(calls)
		for {
			var r call
			tail, err := c.pipe.receive(&r)
			if err != nil {
				go c.endAnyway()
				return
			}
			c.limit.Store(r.Limit)
			calls <- received{r, tail}
		}
	}()
	for r := range calls {
		begun := time.Now()
		answer, value := c.together(r.call, r.tail, begun.Add(time.Duration(r.call.Limit)*time.Millisecond/partTogether))
		c.last.note(r.call, answer, time.Since(begun))
		clear(r.tail)
		if err := c.pipe.send(answer, value); err != nil {
			break
		}
	}
	c.close()
}

// endAnyway ends the process, whatever its module does, when the agent is gone
// and the time limit of the call that runs has passed.
func (c *child) endAnyway() {
	time.Sleep(time.Duration(c.limit.Load())*time.Millisecond + closeLimit)
	role.Exit(role.ExitOverdue)
}

// closeLimit is the time to log out and end.
const closeLimit = 10 * time.Second

func (c *child) close() {
	if c.module == nil {
		return
	}
	go func() {
		time.Sleep(closeLimit)
		role.Exit(role.ExitOverdue)
	}()
	for session := range c.loggedIn {
		slot, all := c.describe(c.slots[session])
		_ = c.module.Logout(session)
		// C_Logout sends nothing to the card with several modules.
		if readers, err := pcsc.Now(); err == nil {
			_, _ = resetSlot(slot, all, readers, pcsc.ResetCard)
		}
	}
	_ = c.module.Close()
}

// describe is the slot, and all that the module has, as far as its reader is told by
// them.
func (c *child) describe(id uint) (slot Slot, all []Slot) {
	ids, _ := c.module.Slots()
	for _, each := range ids {
		info, err := c.module.SlotInfo(each)
		if err != nil {
			continue
		}
		s := Slot{ID: each, Description: trim(info.SlotDescription), Hardware: info.Flags&p11.CKF_HW_SLOT != 0}
		all = append(all, s)
		if each == id {
			slot = s
		}
	}
	return slot, all
}

// partTogether is the part of a call's limit in which others may begin that go with it: the
// last has nearly its whole limit then, and a module that is so slow gains nothing by it.
const partTogether = 5

// together makes a call and those that follow it. Past until it leaves what may be left:
// each has its own time then.
func (c *child) together(r call, tail []byte, until time.Time) (reply, []byte) {
	if r.Op == opRepeat {
		answer := c.repeat(r, until)
		if answer.Value == unchanged && len(r.Then) == 1 && time.Now().Before(until) {
			state, _ := c.do(r.Then[0], nil)
			answer.Then = []reply{state}
		}
		return answer, nil
	}
	if kinds, one := readsOne(r); one {
		replies := c.attributes(r.Session, r.Object, kinds)
		if !replies[0].failed() {
			replies[0].Then = replies[1:]
		}
		return replies[0], nil
	}
	own := tail
	if len(r.Then) > 0 {
		own = nil
	}
	answer, value := c.do(r, own)
	if answer.failed() {
		return answer, value
	}
	if r.Op == "C_FindObjects" && len(r.Types) > 0 {
		answer.Objects = c.objects(r, answer.IDs, until)
	}
	for i, next := range r.Then {
		if time.Now().After(until) {
			break
		}
		if next.Session == 0 && r.Op == "C_OpenSession" {
			next.Session = answer.Value
		}
		own = nil
		if i == len(r.Then)-1 {
			own = tail
		}
		var each reply
		each, value = c.do(next, own)
		answer.Then = append(answer.Then, each)
		if each.failed() {
			break
		}
	}
	return answer, value
}

// What is read with a search is bounded: its answer must fit into a frame.
const (
	maxWithSearch      = 64        // objects
	maxBytesWithSearch = 512 << 10 // of their values
)

// objects are attributes of what a search found, as far as time and room allow.
func (c *child) objects(r call, found []uint, until time.Time) (all [][]reply) {
	read := 0
	for _, o := range found[:min(len(found), maxWithSearch)] {
		if time.Now().After(until) || read > maxBytesWithSearch {
			break
		}
		attributes := c.attributes(r.Session, o, r.Types)
		for _, each := range attributes {
			for _, value := range each.Values {
				read += len(value)
			}
		}
		all = append(all, attributes)
	}
	return all
}

// attributes are those of one object, each as if it had been asked for alone: so they are
// where one of them cannot be read.
func (c *child) attributes(session, object uint, kinds []uint) []reply {
	replies := make([]reply, len(kinds))
	one := call{Op: "C_GetAttributeValue", Session: session, Object: object, Types: kinds}
	if all, _ := c.do(one, nil); !all.failed() && len(all.Values) == len(kinds) {
		for i, value := range all.Values {
			replies[i].Values = [][]byte{value}
		}
		return replies
	}
	for i := range kinds {
		one.Types = kinds[i : i+1]
		replies[i], _ = c.do(one, nil)
	}
	return replies
}

// readsOne reports whether the call and those that follow it read one object's attributes,
// and which.
func readsOne(r call) (kinds []uint, one bool) {
	kinds = slices.Clone(r.Types)
	for _, next := range r.Then {
		if next.Op != r.Op || next.Session != r.Session || next.Object != r.Object || len(next.Then) > 0 {
			return nil, false
		}
		kinds = append(kinds, next.Types...)
	}
	return kinds, r.Op == "C_GetAttributeValue" && len(r.Then) > 0 && len(kinds) == 1+len(r.Then)
}

// do makes one call.
func (c *child) do(r call, tail []byte) (reply, []byte) {
	if r.Op == "open" {
		return c.open()
	}
	if c.module == nil {
		return reply{Failure: "the module is not open"}, nil
	}
	answer, value, err := c.dispatch(r, tail)
	if err != nil {
		return failure(err), nil
	}
	return answer, value
}

func (c *child) open() (reply, []byte) {
	module, err := openDriver(c.path, c.initString)
	if err != nil {
		return loadFailure(err), nil
	}
	c.module = module
	return reply{}, nil
}

func failure(err error) reply {
	var e *Error
	if errors.As(err, &e) && e.CKR != 0 {
		return reply{CKR: e.CKR}
	}
	return reply{Failure: err.Error()}
}

func (c *child) dispatch(r call, tail []byte) (answer reply, value []byte, err error) {
	session, object := p11.SessionHandle(r.Session), p11.ObjectHandle(r.Object)
	switch r.Op {
	case "C_GetInfo":
		var info p11.Info
		info, err = c.module.Info()
		answer.Info = &info
	case "C_GetSlotList":
		answer.IDs, err = c.module.Slots()
	case "C_GetSlotInfo":
		var info p11.SlotInfo
		info, err = c.module.SlotInfo(r.Slot)
		answer.SlotInfo = &info
	case "C_GetTokenInfo":
		var info p11.TokenInfo
		info, err = c.module.TokenInfo(r.Slot)
		// What is left out changes by itself, as the time of day does, and nobody asks for it.
		answer.TokenInfo = &p11.TokenInfo{
			Label: info.Label, ManufacturerID: info.ManufacturerID, Model: info.Model, SerialNumber: info.SerialNumber,
			Flags: info.Flags, MinPinLen: info.MinPinLen, MaxPinLen: info.MaxPinLen,
		}
	case "C_GetMechanismList":
		var offered map[uint]bool
		offered, err = c.module.Mechanisms(r.Slot)
		for id := range offered {
			answer.IDs = append(answer.IDs, id)
		}
		slices.Sort(answer.IDs)
	case "C_OpenSession":
		var opened p11.SessionHandle
		opened, err = c.module.OpenSession(r.Slot)
		answer.Value = uint(opened)
		if err == nil {
			c.slots[opened] = r.Slot
		}
	case "C_CloseSession":
		err = c.module.CloseSession(session)
		delete(c.loggedIn, session)
		delete(c.slots, session)
	case "C_GetSessionInfo":
		answer.Value, err = c.module.SessionState(session)
	case "C_FindObjects":
		var found []p11.ObjectHandle
		found, err = c.module.Find(session, attributes(r.Template))
		for _, o := range found {
			answer.IDs = append(answer.IDs, uint(o))
		}
	case "C_GetAttributeValue":
		answer.Values, err = c.module.Attributes(session, object, r.Types...)
	case "C_Login":
		err = c.module.Login(session, r.User, tail)
		if err == nil {
			c.loggedIn[session] = true
		}
	case "C_Logout":
		err = c.module.Logout(session)
		delete(c.loggedIn, session)
	case "C_SignInit":
		err = c.module.SignInit(session, &p11.Mechanism{Mechanism: r.Mechanism, Parameter: r.Parameter}, object)
	case "C_Sign":
		value, err = c.module.Sign(session, tail)
	default:
		answer.Failure = "unknown call " + r.Op
	}
	return answer, value, err
}

func attributes(template []wireAttr) []*p11.Attribute {
	list := make([]*p11.Attribute, len(template))
	for i, a := range template {
		list[i] = &p11.Attribute{Type: a.Type, Value: a.Value}
	}
	return list
}
