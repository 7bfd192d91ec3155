package pkcs11

import (
	"errors"
	"sync"
	"unsafe"

	p11 "github.com/miekg/pkcs11"
)

// driver is the part of PKCS#11 that this package uses, and the only door to a
// module: moduleProcess is one in a process of its own, cgoDriver the one inside that
// process. Errors are typed already.
type driver interface {
	Info() (p11.Info, error)
	Slots() ([]uint, error)
	SlotInfo(slot uint) (p11.SlotInfo, error)
	TokenInfo(slot uint) (p11.TokenInfo, error)
	Mechanisms(slot uint) (map[uint]bool, error)
	OpenSession(slot uint) (p11.SessionHandle, error)
	CloseSession(s p11.SessionHandle) error
	SessionState(s p11.SessionHandle) (uint, error)
	// Find searches objects; ahead names the attributes of each that will be read next.
	Find(s p11.SessionHandle, template []*p11.Attribute, ahead ...uint) ([]p11.ObjectHandle, error)
	Attributes(s p11.SessionHandle, o p11.ObjectHandle, types ...uint) ([][]byte, error)
	Login(s p11.SessionHandle, user uint, pin []byte) error
	Logout(s p11.SessionHandle) error
	SignInit(s p11.SessionHandle, m *p11.Mechanism, key p11.ObjectHandle) error
	Sign(s p11.SessionHandle, data []byte) ([]byte, error)
	// Gone reports that no further call can succeed: the module's process ended.
	Gone() bool
	Close() error
}

// library is a loaded module. C_Initialize and C_Finalize act on the whole
// process, so pools that use the same file share one.
type library struct {
	path string
	ctx  *p11.Ctx
	uses int
}

var libraries = struct {
	sync.Mutex
	byPath map[string]*library
}{byPath: map[string]*library{}}

// openDriver loads the module into this process. Errors wrap what checkFile, examine
// and loads find, and ErrModuleFailed where the module does not initialise.
func openDriver(path, initString string) (driver, error) {
	if err := checkFile(path); err != nil {
		return nil, err
	}
	if err := examine(path); err != nil {
		return nil, err
	}
	libraries.Lock()
	defer libraries.Unlock()
	l := libraries.byPath[path]
	if l == nil {
		var err error
		if l, err = load(path, initString); err != nil {
			return nil, err
		}
		libraries.byPath[path] = l
	}
	l.uses++
	return &cgoDriver{library: l, ctx: l.ctx}, nil
}

func load(path, initString string) (*library, error) {
	// The binding throws away why the system does not load a library, and whether
	// C_GetFunctionList gave a list.
	name, err := loads(path)
	if err != nil {
		return nil, err
	}
	ctx := p11.New(name)
	if ctx == nil {
		return nil, &Error{Op: "load", Path: path, Kind: ErrNotLoadable}
	}
	// The binding passes CKF_OS_LOCKING_OK; with no arguments at all the
	// vendor's module would not lock.
	var options []p11.InitializeOption
	if initString != "" {
		text := append([]byte(initString), 0)
		options = append(options, p11.InitializeWithReserved(unsafe.Pointer(&text[0])))
	}
	err = ctx.Initialize(options...)
	if errors.Is(err, p11.Error(p11.CKR_CANT_LOCK)) {
		// It need not: our calls in its process come one at a time.
		err = ctx.Initialize(append(options, p11.InitializeWithFlags(0))...)
	}
	if err != nil && !errors.Is(err, p11.Error(p11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		ctx.Destroy()
		return nil, wrap("C_Initialize", path, err)
	}
	return &library{path: path, ctx: ctx}, nil
}

// cgoDriver is the module in this process.
type cgoDriver struct {
	library *library
	ctx     *p11.Ctx
	once    sync.Once
}

func (d *cgoDriver) err(op string, err error) error { return wrap(op, d.library.path, err) }

// Gone is never so: a crash here ends whoever would ask.
func (d *cgoDriver) Gone() bool { return false }

func (d *cgoDriver) Close() error {
	var err error
	d.once.Do(func() {
		libraries.Lock()
		defer libraries.Unlock()
		d.library.uses--
		if d.library.uses > 0 {
			return
		}
		delete(libraries.byPath, d.library.path)
		err = d.err("C_Finalize", d.ctx.Finalize())
		d.ctx.Destroy()
	})
	return err
}

func (d *cgoDriver) Info() (p11.Info, error) {
	info, err := d.ctx.GetInfo()
	return info, d.err("C_GetInfo", err)
}

func (d *cgoDriver) Slots() ([]uint, error) {
	slots, err := d.ctx.GetSlotList(false)
	return slots, d.err("C_GetSlotList", err)
}

func (d *cgoDriver) SlotInfo(slot uint) (p11.SlotInfo, error) {
	info, err := d.ctx.GetSlotInfo(slot)
	return info, d.err("C_GetSlotInfo", err)
}

func (d *cgoDriver) TokenInfo(slot uint) (p11.TokenInfo, error) {
	info, err := d.ctx.GetTokenInfo(slot)
	return info, d.err("C_GetTokenInfo", err)
}

func (d *cgoDriver) Mechanisms(slot uint) (map[uint]bool, error) {
	list, err := d.ctx.GetMechanismList(slot)
	if err != nil {
		return nil, d.err("C_GetMechanismList", err)
	}
	mechanisms := map[uint]bool{}
	for _, m := range list {
		mechanisms[m.Mechanism] = true
	}
	return mechanisms, nil
}

func (d *cgoDriver) OpenSession(slot uint) (p11.SessionHandle, error) {
	s, err := d.ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION)
	return s, d.err("C_OpenSession", err)
}

func (d *cgoDriver) CloseSession(s p11.SessionHandle) error {
	return d.err("C_CloseSession", d.ctx.CloseSession(s))
}

func (d *cgoDriver) SessionState(s p11.SessionHandle) (uint, error) {
	info, err := d.ctx.GetSessionInfo(s)
	return info.State, d.err("C_GetSessionInfo", err)
}

// maxObjects bounds a search: a module that lies, or never comes to an end, must not
// fill the memory.
const maxObjects = 5000

// Find asks until the module gives nothing more: some give one object a call.
func (d *cgoDriver) Find(s p11.SessionHandle, template []*p11.Attribute, _ ...uint) ([]p11.ObjectHandle, error) {
	if err := d.ctx.FindObjectsInit(s, template); err != nil {
		return nil, d.err("C_FindObjectsInit", err)
	}
	var objects []p11.ObjectHandle
	var err error
	for err == nil && len(objects) < maxObjects {
		var more []p11.ObjectHandle
		more, _, err = d.ctx.FindObjects(s, min(findAtOnce, maxObjects-len(objects)))
		if len(more) == 0 {
			break
		}
		objects = append(objects, more...)
	}
	return objects, errors.Join(d.err("C_FindObjects", err), d.err("C_FindObjectsFinal", d.ctx.FindObjectsFinal(s)))
}

// findAtOnce is how many objects are asked for in one call.
const findAtOnce = 256

// maxAttribute bounds a value: certificates have a few thousand octets.
const maxAttribute = 256 << 10

// Attributes reads all in one call, which some modules answer much sooner than one for each.
func (d *cgoDriver) Attributes(s p11.SessionHandle, o p11.ObjectHandle, types ...uint) ([][]byte, error) {
	values := make([][]byte, len(types))
	template := make([]*p11.Attribute, len(types))
	for i, kind := range types {
		template[i] = p11.NewAttribute(kind, nil)
	}
	got, err := d.ctx.GetAttributeValue(s, o, template)
	if err != nil {
		return nil, d.err("C_GetAttributeValue", err)
	}
	for i := range values {
		if i < len(got) {
			values[i] = got[i].Value
		}
		if len(values[i]) > maxAttribute {
			return nil, &Error{Op: "C_GetAttributeValue: a value that is too long", Path: d.library.path, CKR: p11.CKR_ATTRIBUTE_VALUE_INVALID, Kind: ErrModuleFailed}
		}
	}
	return values, nil
}

func (d *cgoDriver) Login(s p11.SessionHandle, user uint, pin []byte) error {
	// The binding takes a string and copies it once more in C; both copies are
	// out of reach, and the reason why the module moves to a process of its own.
	return d.err("C_Login", d.ctx.Login(s, user, string(pin)))
}

func (d *cgoDriver) Logout(s p11.SessionHandle) error {
	return d.err("C_Logout", d.ctx.Logout(s))
}

func (d *cgoDriver) SignInit(s p11.SessionHandle, m *p11.Mechanism, key p11.ObjectHandle) error {
	return d.err("C_SignInit", d.ctx.SignInit(s, []*p11.Mechanism{m}, key))
}

func (d *cgoDriver) Sign(s p11.SessionHandle, data []byte) ([]byte, error) {
	signature, err := d.ctx.Sign(s, data)
	return signature, d.err("C_Sign", err)
}
