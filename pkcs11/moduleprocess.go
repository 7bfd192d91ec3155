package pkcs11

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// Limits are how long a call of a module may take before its process is ended.
type Limits struct {
	PINPad time.Duration // C_Login where the PIN is typed on the reader
	Card   time.Duration // any other C_Login, and C_Sign
	Other  time.Duration // every other call
}

// DefaultLimits are the limits where the settings say nothing.
func DefaultLimits() Limits {
	return Limits{PINPad: 150 * time.Second, Card: 30 * time.Second, Other: 10 * time.Second}
}

// ErrOutcomeUnknown goes with ErrModuleFailed where the module's process ended
// during C_Login: the card may have taken the PIN or counted a wrong one.
var ErrOutcomeUnknown = errors.New("pkcs11: whether the card took the PIN is not known")

// moduleProcess is a module in a process of its own. Its methods are called under its
// module's lease, one at a time.
type moduleProcess struct {
	path   string
	limits Limits
	cmd    *exec.Cmd
	pipe   *pipe
	ends   [2]io.Closer
	ended  chan struct{} // closed when the process has ended
	once   sync.Once
	ahead  ahead

	mu   sync.Mutex
	gone bool
	why  string // why it was ended, when we did it
}

// startModuleProcess is startModule for a module that is waited for.
func startModuleProcess(path, initString string, limits Limits) (driver, error) {
	return startModule(context.Background(), path, initString, limits)
}

// startModule starts this program again in the role of the module's process. When
// opening ends before the module is open, that process is ended.
func startModule(opening context.Context, path, initString string, limits Limits) (driver, error) {
	if err := checkFile(path); err != nil {
		return nil, err
	}
	args := []string{path}
	if initString != "" {
		args = append(args, initString)
	}
	cmd, err := role.PKCS11Module.Command(context.Background(), args...)
	if err != nil {
		return nil, &Error{Op: "start of the module's process: " + err.Error(), Path: path, Kind: ErrModuleFailed}
	}
	fromChild, toChild, err := role.Start(cmd)
	if err != nil {
		return nil, &Error{Op: "start of the module's process: " + err.Error(), Path: path, Kind: ErrModuleFailed}
	}
	r := &moduleProcess{
		path: path, limits: limits, cmd: cmd, pipe: &pipe{r: fromChild, w: toChild},
		ends: [2]io.Closer{toChild, fromChild}, ended: make(chan struct{}),
	}
	go func() {
		_ = cmd.Wait()
		close(r.ended)
	}()
	stop := context.AfterFunc(opening, func() { r.kill("it was given up") })
	defer stop()
	if _, _, err := r.do(call{Op: "open"}, nil, limits.Card); err != nil {
		r.kill("")
		return nil, err
	}
	return r, nil
}

// Gone reports that the process has ended and no further call can succeed.
func (r *moduleProcess) Gone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.ended:
		return true
	default:
		return r.gone
	}
}

// kill ends the process at once.
func (r *moduleProcess) kill(why string) {
	r.mu.Lock()
	if !r.gone && r.why == "" {
		r.why = why
	}
	r.gone = true
	r.mu.Unlock()
	r.once.Do(func() {
		_ = r.cmd.Process.Kill()
		_, _ = r.ends[0].Close(), r.ends[1].Close()
	})
}

// Close lets the process log out, finalise and end; it is killed if it does not.
func (r *moduleProcess) Close() error {
	r.once.Do(func() { _ = r.ends[0].Close() }) // the end of its calls
	select {
	case <-r.ended:
	case <-time.After(closeLimit):
		_ = r.cmd.Process.Kill()
		<-r.ended
	}
	r.mu.Lock()
	r.gone = true
	r.mu.Unlock()
	_ = r.ends[1].Close()
	return nil
}

// do makes one call. A process that does not answer within limit is ended, and
// so is one that answers nonsense: its module has run wild in it.
func (r *moduleProcess) do(c call, tail []byte, limit time.Duration) (reply, []byte, error) {
	expected, last := r.ahead.next(c)
	if r.Gone() {
		ended := &Error{Op: c.Op + ": the module's process has ended", Path: r.path, Kind: ErrModuleFailed}
		if strings.HasPrefix(r.reason(), limitPassed) {
			return reply{}, nil, moduleHangs(ended)
		}
		return reply{}, nil, ended
	}
	if known, value, is := r.ahead.answer(c); is {
		return r.outcome(c, known, value)
	}
	if c.Op != opRepeat {
		c.Reading = r.ahead.number()
	}
	if c.Then = expected; last != nil {
		tail = last
	}
	if slices.ContainsFunc(c.Then, func(next call) bool { return next.Op == "C_Sign" }) {
		limit = max(limit, r.limits.Card) // what a card may take for it alone
	}
	c.Limit = limit.Milliseconds()
	timer := time.AfterFunc(limit, func() { r.kill(fmt.Sprintf("%s %s, its process was ended", limitPassed, limit)) })
	defer timer.Stop()
	var answer reply
	err := r.pipe.send(c, tail)
	var value []byte
	if err == nil {
		value, err = r.pipe.receive(&answer)
	}
	if err != nil {
		return reply{}, nil, r.broken(c.name(), err)
	}
	r.ahead.store(c, &answer, value)
	return r.outcome(c, answer, value)
}

// outcome is what a call was answered, its error typed.
func (r *moduleProcess) outcome(c call, answer reply, value []byte) (reply, []byte, error) {
	switch {
	case answer.CKR != 0:
		return reply{}, nil, wrap(cmp.Or(brief(answer.Op), c.Op), r.path, p11.Error(answer.CKR))
	case loadKinds[answer.Kind] != nil:
		return reply{}, nil, &Error{Op: brief(answer.Failure), Path: r.path, Kind: loadKinds[answer.Kind]}
	case answer.Failure != "":
		return reply{}, nil, fmt.Errorf("%w: %s", &Error{Op: c.Op, Path: r.path, Kind: ErrModuleFailed}, brief(answer.Failure))
	}
	return answer, value, nil
}

// brief is what the process says of a failure, fit for a line of the log: a module that
// has run wild may have written it.
func brief(text string) string {
	const most = 500 // characters
	n := 0
	for i := range text {
		if n++; n > most {
			text = text[:i] + "…"
			break
		}
	}
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// limitPassed is why a process was ended whose module did not answer in time.
const limitPassed = "no answer in"

// reason is why we ended the process, where we did.
func (r *moduleProcess) reason() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}

// broken says how the process ended.
func (r *moduleProcess) broken(op string, cause error) error {
	r.kill("")
	<-r.ended
	why := r.reason()
	if why == "" {
		why = "its process ended (" + ended(r.cmd.ProcessState) + ")"
		if !errors.Is(cause, io.EOF) && !errors.Is(cause, os.ErrClosed) {
			why = cause.Error()
		}
	}
	ended := &Error{Op: op + ": " + why, Path: r.path, Kind: ErrModuleFailed}
	err := error(ended)
	if strings.HasPrefix(why, limitPassed) {
		err = moduleHangs(ended)
	}
	if op == "C_Login" {
		err = errors.Join(err, ErrOutcomeUnknown)
	}
	return err
}

// ended says how the process ended. A bad access in the module's code is the Go
// runtime's to report, and a function that it calls and no library has the loader's:
// each by an exit status of its own.
func ended(state *os.ProcessState) string {
	switch state.ExitCode() {
	case exitCrashed:
		return "the module crashed in it, " + state.String()
	case exitNoSymbol:
		return "the module calls a function that no library here has, or ended it, " + state.String()
	}
	return state.String()
}

const (
	exitCrashed  = 2
	exitNoSymbol = 127
)

func (r *moduleProcess) Info() (p11.Info, error) {
	a, _, err := r.do(call{Op: "C_GetInfo"}, nil, r.limits.Other)
	return value(a.Info), err
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func (r *moduleProcess) Slots() ([]uint, error) {
	a, _, err := r.do(call{Op: "C_GetSlotList"}, nil, r.limits.Other)
	return a.IDs, err
}

func (r *moduleProcess) SlotInfo(slot uint) (p11.SlotInfo, error) {
	a, _, err := r.do(call{Op: "C_GetSlotInfo", Slot: slot}, nil, r.limits.Other)
	return value(a.SlotInfo), err
}

func (r *moduleProcess) TokenInfo(slot uint) (p11.TokenInfo, error) {
	a, _, err := r.do(call{Op: "C_GetTokenInfo", Slot: slot}, nil, r.limits.Other)
	return value(a.TokenInfo), err
}

func (r *moduleProcess) Mechanisms(slot uint) (map[uint]bool, error) {
	a, _, err := r.do(call{Op: "C_GetMechanismList", Slot: slot}, nil, r.limits.Other)
	offered := map[uint]bool{}
	for _, id := range a.IDs {
		offered[id] = true
	}
	return offered, err
}

func (r *moduleProcess) OpenSession(slot uint) (p11.SessionHandle, error) {
	a, _, err := r.do(call{Op: "C_OpenSession", Slot: slot}, nil, r.limits.Other)
	return p11.SessionHandle(a.Value), err
}

func (r *moduleProcess) CloseSession(s p11.SessionHandle) error {
	_, _, err := r.do(call{Op: "C_CloseSession", Session: uint(s)}, nil, r.limits.Other)
	return err
}

func (r *moduleProcess) SessionState(s p11.SessionHandle) (uint, error) {
	a, _, err := r.do(call{Op: "C_GetSessionInfo", Session: uint(s)}, nil, r.limits.Other)
	return a.Value, err
}

func (r *moduleProcess) Find(s p11.SessionHandle, template []*p11.Attribute, ahead ...uint) ([]p11.ObjectHandle, error) {
	c := call{Op: "C_FindObjects", Session: uint(s), Types: ahead}
	for _, a := range template {
		c.Template = append(c.Template, wireAttr{a.Type, a.Value})
	}
	a, _, err := r.do(c, nil, r.limits.Other)
	found := make([]p11.ObjectHandle, len(a.IDs))
	for i, id := range a.IDs {
		found[i] = p11.ObjectHandle(id)
	}
	return found, err
}

func (r *moduleProcess) Attributes(s p11.SessionHandle, o p11.ObjectHandle, types ...uint) ([][]byte, error) {
	a, _, err := r.do(call{Op: "C_GetAttributeValue", Session: uint(s), Object: uint(o), Types: types}, nil, r.limits.Other)
	if err == nil && len(a.Values) != len(types) {
		err = &Error{Op: "C_GetAttributeValue: too few values", Path: r.path, Kind: ErrModuleFailed}
	}
	return a.Values, err
}

// Login waits longer where the PIN is typed on the reader: there it is nil.
func (r *moduleProcess) Login(s p11.SessionHandle, user uint, pin []byte) error {
	limit := r.limits.Card
	if pin == nil {
		limit = r.limits.PINPad
	}
	_, _, err := r.do(call{Op: "C_Login", Session: uint(s), User: user}, pin, limit)
	return err
}

func (r *moduleProcess) Logout(s p11.SessionHandle) error {
	_, _, err := r.do(call{Op: "C_Logout", Session: uint(s)}, nil, r.limits.Other)
	return err
}

func (r *moduleProcess) SignInit(s p11.SessionHandle, m *p11.Mechanism, key p11.ObjectHandle) error {
	c := call{Op: "C_SignInit", Session: uint(s), Object: uint(key), Mechanism: m.Mechanism, Parameter: m.Parameter}
	_, _, err := r.do(c, nil, r.limits.Other)
	return err
}

func (r *moduleProcess) Sign(s p11.SessionHandle, data []byte) ([]byte, error) {
	_, signature, err := r.do(call{Op: "C_Sign", Session: uint(s)}, data, r.limits.Card)
	return signature, err
}
