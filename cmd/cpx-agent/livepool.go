package main

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// livePool is the pool of the settings in force. It must have got one before it is used.
type livePool struct {
	pool     atomic.Pointer[pkcs11.Pool]
	restarts atomic.Uint64 // how many began

	mu   sync.Mutex
	last *pcsc.Event // the last of PC/SC, which a new pool has to know
}

// replace puts a pool in the place of another, which it returns, or nil.
func (p *livePool) replace(pool *pkcs11.Pool) (before *pkcs11.Pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != nil {
		pool.Observe(*p.last)
	}
	return p.pool.Swap(pool)
}

// Close ends the pool's modules.
func (p *livePool) Close() error { return p.pool.Load().Close() }

// Observe implements agent.Pool, as do the methods below.
func (p *livePool) Observe(e pcsc.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = &e
	p.pool.Load().Observe(e)
}

func (p *livePool) Expire()                           { p.pool.Load().Expire() }
func (p *livePool) Snapshot() (pkcs11.Snapshot, bool) { return p.pool.Load().Snapshot() }
func (p *livePool) Modules() []pkcs11.ModuleState     { return p.pool.Load().Modules() }
func (p *livePool) Restart(ctx context.Context) error {
	p.restarts.Add(1)
	return p.pool.Load().Restart(ctx)
}
func (p *livePool) HasCardSession(certificateID string) bool {
	return p.pool.Load().HasCardSession(certificateID)
}
func (p *livePool) Lock(ctx context.Context) error { return p.pool.Load().Lock(ctx) }

func (p *livePool) Current(ctx context.Context) (pkcs11.Snapshot, error) {
	return p.pool.Load().Current(ctx)
}

func (p *livePool) List(ctx context.Context) (pkcs11.Snapshot, error) { return p.pool.Load().List(ctx) }

func (p *livePool) Sign(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error) {
	return p.pool.Load().Sign(ctx, r)
}

// livePrompter is the prompter of the settings in force.
type livePrompter struct {
	now atomic.Pointer[prompt.Prompter]

	mu     sync.Mutex
	logins map[*prompt.Prompter]int // how many go on with it
}

func (p *livePrompter) replace(now prompt.Prompter) { p.now.Store(&now) }
func (p *livePrompter) get() prompt.Prompter        { return *p.now.Load() }

// ReplacesPIN implements prompt.Replacing.
func (p *livePrompter) ReplacesPIN() bool { return prompt.ReplacesPIN(p.get()) }

// Begin implements prompt.Conversing: a login goes on with the prompter that it began with.
func (p *livePrompter) Begin(ctx context.Context) (context.Context, prompt.Prompter, func()) {
	by := p.now.Load()
	count := func(more int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.logins == nil {
			p.logins = map[*prompt.Prompter]int{}
		}
		if p.logins[by] += more; p.logins[by] == 0 {
			delete(p.logins, by)
		}
	}
	count(1)
	login, asker, end := prompt.Begin(ctx, *by)
	return login, asker, func() {
		end()
		count(-1)
	}
}

// ToFront implements prompt.Fronting, also for a login that began with other settings.
func (p *livePrompter) ToFront() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	stands := prompt.ToFront(p.get())
	for by := range p.logins {
		stands = prompt.ToFront(*by) || stands
	}
	return stands
}

// ShowNotice implements prompt.Noticing.
func (p *livePrompter) ShowNotice(ctx context.Context, lang string, n prompt.Notice) error {
	return prompt.ShowNotice(ctx, p.get(), lang, n)
}

// Consent implements prompt.Prompter, as do the methods below.
func (p *livePrompter) Consent(ctx context.Context, lang string, c prompt.Caller) error {
	return p.get().Consent(ctx, lang, c)
}

func (p *livePrompter) Always(ctx context.Context, lang string, c prompt.Caller) error {
	return p.get().Always(ctx, lang, c)
}

func (p *livePrompter) Confirm(ctx context.Context, lang string, c prompt.Caller, h prompt.Holder) error {
	return p.get().Confirm(ctx, lang, c, h)
}

func (p *livePrompter) Choose(ctx context.Context, lang string, c prompt.Caller, choices []prompt.Holder) (int, error) {
	return p.get().Choose(ctx, lang, c, choices)
}

func (p *livePrompter) PIN(ctx context.Context, lang string, ask prompt.PIN) ([]byte, error) {
	return p.get().PIN(ctx, lang, ask)
}

func (p *livePrompter) InsertCard(ctx context.Context, lang string, c prompt.Caller, reader bool) error {
	return p.get().InsertCard(ctx, lang, c, reader)
}

func (p *livePrompter) Show(ctx context.Context, lang, title, text string) error {
	return p.get().Show(ctx, lang, title, text)
}
