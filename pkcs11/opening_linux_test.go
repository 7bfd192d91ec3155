package pkcs11

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// hangingPool is a pool on the fault module, which hangs in the call, and on more
// modules. Its process would be ended after an hour.
func hangingPool(t *testing.T, function string, o Options) (*Pool, func()) {
	t.Helper()
	m, err := faultModule()
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range m.Env(softHSM) {
		t.Setenv(key, value)
	}
	if err := m.Fail(function, "hang"); err != nil {
		t.Fatal(err)
	}
	o.Modules = append([]string{m.Path}, o.Modules...)
	if o.Limits == (Limits{}) {
		o.Limits = Limits{PINPad: time.Hour, Card: time.Hour, Other: time.Second}
	}
	p, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Heal(), p.Close()); err != nil {
			t.Error(err)
		}
	})
	return p, func() {
		if err := m.Heal(); err != nil {
			t.Fatal(err)
		}
	}
}

// A module that hangs while it is opened is said to be opening, then to hang, and
// holds nobody up until its process is ended: neither Open, nor a reading, nor
// Restart, which opens it anew, nor Close.
func TestModuleHangsWhileItIsOpened(t *testing.T) {
	for _, function := range []string{"C_GetFunctionList", "C_Initialize"} {
		t.Run(function, func(t *testing.T) {
			p, heal := hangingPool(t, function, Options{})
			if m := p.Modules()[0]; m.Opening == errors.Is(m.Err, ErrModuleHangs) { // by then it may be known to hang
				t.Errorf("while it is opened: %+v", m)
			}
			_, err := p.List(t.Context())
			mustBe(t, err, ErrModuleHangs)
			mustBe(t, err, ErrModuleFailed)
			if m := p.Modules()[0]; m.Opening || !errors.Is(m.Err, ErrModuleHangs) {
				t.Errorf("once it hangs: %+v", m)
			}
			heal()
			if err := p.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s, err := p.List(t.Context()); err != nil || len(s.Certificates) == 0 {
				t.Errorf("after Restart: %d certificates, %v", len(s.Certificates), err)
			}
		})
	}
}

// What is said of a module in each stage, also of one that failed before.
func TestStagesOfAnOpening(t *testing.T) {
	p, _ := pool(t)
	m, o := p.modules[0], &opening{}
	m.setOpening(o)
	for _, stage := range []int32{opens, opensSlowly} {
		o.stage.Store(stage)
		if s := p.Modules()[0]; !s.Opening || s.Err != nil {
			t.Errorf("stage %d: %+v", stage, s)
		}
	}
	o.stage.Store(hangs)
	if s := p.Modules()[0]; s.Opening || !errors.Is(s.Err, ErrModuleHangs) || !errors.Is(s.Err, ErrModuleFailed) {
		t.Errorf("hangs: %+v", s)
	}
	o.stage.Store(opens)
	m.mu.Lock()
	m.state.Err = ErrNotLoadable
	m.mu.Unlock()
	if s := p.Modules()[0]; s.Opening || !errors.Is(s.Err, ErrNotLoadable) {
		t.Errorf("opened again: %+v", s)
	}
	m.setOpening(nil)
}

// A module that is open and hangs when it is asked who it is, hangs too.
func TestModuleHangsInGetInfo(t *testing.T) {
	p, _ := hangingPool(t, "C_GetInfo", Options{})
	_, err := p.List(t.Context())
	mustBe(t, err, ErrModuleHangs)
	if m := p.Modules()[0]; !errors.Is(m.Err, ErrModuleHangs) {
		t.Errorf("%+v", m)
	}
}

// The cards of another module are shown while one hangs.
func TestHangingModuleHidesNoCard(t *testing.T) {
	p, _ := hangingPool(t, "C_Initialize", Options{Modules: []string{softHSM}})
	s, err := p.List(t.Context())
	if err != nil || len(s.Certificates) == 0 {
		t.Fatalf("%d certificates, %v", len(s.Certificates), err)
	}
	if m := p.Modules(); m[1].Err != nil || m[1].Opening || m[1].Info == "" {
		t.Errorf("%+v", m)
	}
	if _, err := p.Sign(t.Context(), request(authentication(t, p, "cps"), "1234", nil)); err != nil {
		t.Error(err)
	}
}

// slowModule is a pool on SoftHSM that opens only when it is let, and how often it
// was begun to open.
func slowModule(t *testing.T, opened func()) (p *Pool, let chan error, begun *int) {
	t.Helper()
	let, begun = make(chan error), new(int)
	p, err := openWith(t.Context(), Options{Modules: []string{softHSM}, Opened: opened}, 200*time.Millisecond, func(ctx context.Context, path string) (driver, error) {
		*begun++
		select {
		case err := <-let:
			if err != nil {
				return nil, err
			}
			return startModuleProcess(path, "", DefaultLimits())
		case <-ctx.Done():
			return nil, &Error{Op: "open", Path: path, Kind: ErrModuleFailed}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, let, begun
}

// A module that opens overdue works from then on, and whoever shows cards is notified.
func TestModuleOpensAfterAll(t *testing.T) {
	notified := make(chan struct{}, 1)
	p, let, _ := slowModule(t, func() { notified <- struct{}{} })
	_, err := p.List(t.Context())
	mustBe(t, err, ErrModuleHangs)
	let <- nil
	<-notified
	if s, err := p.List(t.Context()); err != nil || len(s.Certificates) == 0 {
		t.Errorf("%d certificates, %v", len(s.Certificates), err)
	}
	if m := p.Modules()[0]; m.Err != nil || m.Opening {
		t.Errorf("%+v", m)
	}
}

// A module that hung is not opened at once again, for each try may cost the whole
// limit; a reader that comes or goes may be what it waited for.
func TestReopeningAHangingModule(t *testing.T) {
	notified := make(chan struct{}, 1)
	p, let, begun := slowModule(t, func() { notified <- struct{}{} })
	now := time.Now()
	p.now = func() time.Time { return now }
	p.Observe(pcsc.Event{Readers: []pcsc.Reader{{Name: "TEST reader"}}})
	p.modules[0].abortOpening() // which began before the event
	list := func() {
		t.Helper()
		_, err := p.List(t.Context())
		mustBe(t, err, ErrModuleFailed)
		mustBe(t, err, ErrModuleHangs)
	}
	hang := func() {
		t.Helper()
		list()
		let <- moduleHangs(&Error{Op: "open", Path: softHSM, Kind: ErrModuleFailed})
		<-notified
	}
	hang()
	before := *begun
	list()
	if *begun != before || !errors.Is(p.Modules()[0].Err, ErrModuleHangs) {
		t.Errorf("opened again at once: %d, %v", *begun-before, p.Modules()[0].Err)
	}
	p.Observe(pcsc.Event{}) // unplugged
	hang()
	now = now.Add(p.hangsAfter)
	hang()
	if *begun != before+2 {
		t.Errorf("opened again %d times", *begun-before)
	}
}

// A restart of the PC/SC service while a module is being opened costs nobody a login:
// who waits for the module gets it.
func TestRestartDuringAnOpening(t *testing.T) {
	p, let, begun := slowModule(t, nil)
	p.hangsAfter = time.Hour // nothing is overdue here
	let <- nil               // the opening of the pool itself, which was found to hang
	for _, opens := p.modules[0].openingStage(); opens; _, opens = p.modules[0].openingStage() {
		runtime.Gosched()
	}
	if _, err := p.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := *begun
	listed := make(chan error, 1)
	go func() {
		s, err := p.List(t.Context())
		if err == nil && len(s.Certificates) == 0 {
			err = ErrNoModule
		}
		listed <- err
	}()
	m := p.modules[0]
	under := func() *opening {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.opening
	}
	first := under()
	for ; first == nil; first = under() {
		runtime.Gosched()
	}
	restarted := make(chan error, 1)
	go func() { restarted <- p.Restart(t.Context()) }()
	for under() == first {
		runtime.Gosched()
	}
	for ended := 0; ended < 2; {
		select {
		case err := <-listed:
			if ended++; err != nil {
				t.Error(err)
			}
		case err := <-restarted:
			if ended++; err != nil {
				t.Error(err)
			}
		case let <- nil:
		}
	}
	if *begun < before+2 {
		t.Errorf("opened %d times", *begun-before)
	}
}

// TestOpenByReading: modules that the first reading opens are not waited for before, nor said
// to work, and are then as any.
func TestOpenByReading(t *testing.T) {
	p, err := Open(t.Context(), Options{Modules: []string{"/nowhere/module.so"}, ByReading: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if m := p.Modules()[0]; !m.Opening || m.Err != nil {
		t.Errorf("before it was tried: %+v", m)
	}
	awaited := make(chan error, 1)
	go func() { awaited <- p.AwaitOpening(t.Context()) }()
	if _, err := p.List(t.Context()); !errors.Is(err, ErrNoModule) {
		t.Error(err)
	}
	if err := <-awaited; err != nil {
		t.Error(err)
	}
	if m := p.Modules()[0]; m.Opening || !errors.Is(m.Err, ErrNoModule) {
		t.Errorf("after it was tried: %+v", m)
	}
}
