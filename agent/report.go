package agent

import (
	"context"
	"os"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// Report is the agent's state for the person's other programs: the command
// line, a second start. It holds nothing secret.
type Report struct {
	Version   string   `json:"version"`
	PID       int      `json:"pid"`
	Addresses []string `json:"addresses"`
	WSS       []string `json:"wss,omitempty"`      // the addresses of the encrypted socket
	WSSError  string   `json:"wssError,omitempty"` // in words: why it is not served, though switched on
	Settings  []string `json:"settings"`           // the modules that the settings name
	CardReport
	Error      string     `json:"error,omitempty"`      // why the cards cannot be read
	Sites      *int       `json:"sites,omitempty"`      // how many are remembered, where asked and known
	SitesError string     `json:"sitesError,omitempty"` // in words
	NotTaken   []NotTaken `json:"notTaken,omitempty"`
	Log        string     `json:"log,omitempty"`
	Desk       *Desk      `json:"desk,omitempty"` // where asked
}

// Desk is what only the agent's own session tells: whoever looks from afar, over
// ssh, has another.
type Desk struct {
	Display bool   `json:"display"`           // a window can be shown
	Keyring string `json:"keyring,omitempty"` // why nothing is remembered, by name: see sites.Reason
}

// CardReport is what `cpx-agent certs --json` prints.
type CardReport struct {
	PCSC         string              `json:"pcsc,omitempty"`    // no_service: it does not answer, so readers may be missing
	Reading      bool                `json:"reading,omitempty"` // the first look has not ended
	Late         bool                `json:"late,omitempty"`    // a look was asked for and is not in: this is the last one
	Modules      []ModuleReport      `json:"modules"`
	Readers      []ReaderReport      `json:"readers"`
	Certificates []CertificateReport `json:"certificates"`
}

// ModuleReport is a module and what it says of itself.
type ModuleReport struct {
	Path   string `json:"path"`
	Info   string `json:"info,omitempty"`
	Error  string `json:"error,omitempty"`
	Reason string `json:"reason,omitempty"` // of protocol.md, where there is an error
}

// The states of a card's PIN in a ReaderReport.
const (
	PINCountLow = "count_low"
	PINFinalTry = "final_try"
	PINLocked   = "locked"
	PINNotSet   = "not_set"
)

// Why a certificate that a login could use is not usable for now: its card's PIN.
// More than the module's own reasons, which are of the certificate alone.
const (
	ReasonPINLocked pkcs11.Reason = "pin_locked"
	ReasonPINNotSet pkcs11.Reason = "pin_not_set"
)

// ReaderReport is a reader and the card in it.
type ReaderReport struct {
	Module  string `json:"module"`
	Name    string `json:"name"`
	Card    string `json:"card"` // the token's label, "" without a card
	Unknown bool   `json:"unknown,omitempty"`
	PIN     string `json:"pin,omitempty"` // a warning, or ""
}

// CertificateReport is a certificate on a card.
type CertificateReport struct {
	ID         string    `json:"id"`
	Holder     string    `json:"holder"`
	Identifier string    `json:"identifier"`
	Profession string    `json:"profession,omitempty"`
	Kind       string    `json:"kind,omitempty"`
	NotBefore  time.Time `json:"notBefore"`
	NotAfter   time.Time `json:"notAfter"`
	Card       string    `json:"card"`
	Usable     bool      `json:"usable"`
	Reason     string    `json:"reason,omitempty"`
	Chosen     bool      `json:"chosen"`
	Reader     string    `json:"reader"`
	Renew      bool      `json:"renew"` // it expires within sixty days
}

// NotTaken is a setting that the agent did not take.
type NotTaken struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Key  string `json:"key"`
	Why  string `json:"why"`
}

// reportLimit bounds what a report waits for: a module may hang.
const reportLimit = 5 * time.Second

// Report is the state once the first look has ended. With refresh, or where no
// event tells and the last look is old, it looks anew, through the modules that
// are open: what other programs did to a card's PIN no event tells. Where a login
// has its turn none is begun; a login that comes while one is under way waits for
// it at the card. A look that was asked for and is not in is no error: Late says
// that the report is of the last one.
func (s *Server) Report(ctx context.Context, refresh bool) Report {
	ctx, cancel := context.WithTimeout(ctx, reportLimit)
	defer cancel()
	next := s.looks.next() // before the question: the look may end meanwhile
	known, _ := s.looks.state()
	snapshot, _ := s.cards.Snapshot()
	late := false
	switch {
	case !known:
		select {
		case <-next:
		case <-ctx.Done():
		}
	case s.queue.atLogin():
		late = refresh
	case refresh, !s.readers.tell(snapshot) && s.looks.olderThan(s.limits.Stale):
		_, err := s.looks.list(ctx)
		late = err != nil && ctx.Err() != nil
	}
	r := s.report()
	r.Late = late
	return r
}

// atLogin tells whether a login has the turn, or waits for one that is only lent:
// a question that stands after a login uses no card.
func (q *queue) atLogin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.busy && (q.yield == nil || len(q.waiting) > 0)
}

// showLimit bounds what a person waits for who wants to see the state.
const showLimit = 2 * time.Second

// FullReport is the state as it is now, with what is remembered.
func (s *Server) FullReport(ctx context.Context, lang string) Report {
	looking, cancel := context.WithTimeout(ctx, showLimit)
	defer cancel()
	r := s.Report(looking, true)
	if list, err := s.Sites(); err != nil {
		r.SitesError = sites.Why(err, lang)
	} else if s.remembered.store != nil {
		n := len(list)
		r.Sites = &n
	}
	return r
}

// report never waits.
func (s *Server) report() Report {
	snapshot, _ := s.cards.Snapshot()
	chosen, _ := s.choice.Get()
	known, err := s.looks.state()
	r := Report{
		Version: s.version, PID: os.Getpid(), Settings: s.policy.Modules, Log: s.logFile,
		CardReport: s.readers.report(snapshot, s.cards.Modules(), chosen),
	}
	if r.Reading = !known; err != nil {
		r.Error = err.Error()
	}
	for _, l := range s.listeners {
		r.Addresses = append(r.Addresses, l.Addr().String())
	}
	if s.wss != nil {
		r.WSS, r.WSSError = s.wss.served(s.Language())
	}
	for _, w := range s.policy.Warnings {
		r.NotTaken = append(r.NotTaken, NotTaken{File: w.File, Line: w.Line, Key: w.Key, Why: w.Text})
	}
	return r
}

// ReportLook says what a look showed, without the readers that a module still
// names and PC/SC does not.
func ReportLook(s pkcs11.Snapshot, modules []pkcs11.ModuleState, chosen Chosen, now pcsc.Event) CardReport {
	var r readers
	r.take(now)
	return r.report(s, modules, chosen)
}

func (r *readers) report(s pkcs11.Snapshot, modules []pkcs11.ModuleState, chosen Chosen) CardReport {
	report := ReportCards(r.there(s), modules, chosen)
	report.PCSC = r.service()
	return report
}

// ReportCards says what was read.
func ReportCards(s pkcs11.Snapshot, modules []pkcs11.ModuleState, chosen Chosen) CardReport {
	r := CardReport{Modules: []ModuleReport{}, Readers: []ReaderReport{}, Certificates: []CertificateReport{}}
	for _, m := range modules {
		r.Modules = append(r.Modules, reportModule(m))
	}
	for _, slot := range s.Slots {
		reader := ReaderReport{Module: slot.Module, Name: slot.Description, Unknown: slot.Unrecognized}
		if slot.Token != nil {
			reader.Card, reader.PIN = slot.Token.Label, pinState(*slot.Token)
		}
		r.Readers = append(r.Readers, reader)
	}
	use, _ := chosen.Among(s)
	for _, c := range s.Certificates {
		h := Holder(c, French) // no word of it is taken that has a language
		card := ""
		if c.Slot.Token != nil {
			card = c.Slot.Token.Label
		}
		reason := reasonNow(c)
		r.Certificates = append(r.Certificates, CertificateReport{
			ID: c.ID, Holder: h.Name, Identifier: h.Identifier, Profession: h.Profession, Kind: h.Kind,
			NotBefore: c.X509.NotBefore, NotAfter: c.X509.NotAfter, Card: card,
			Usable: reason == pkcs11.Usable, Reason: string(reason), Chosen: c.ID == use.ID, Renew: h.Renew, Reader: c.Slot.Description,
		})
	}
	return r
}

// reasonNow is why no login can use the certificate now: no try is spent on a card
// that says it would take none.
func reasonNow(c pkcs11.Certificate) pkcs11.Reason {
	switch t := c.Slot.Token; {
	case c.Reason != pkcs11.Usable || t == nil:
		return c.Reason
	case t.PINLocked:
		return ReasonPINLocked
	case t.PINNotSet:
		return ReasonPINNotSet
	}
	return pkcs11.Usable
}

func reportModule(m pkcs11.ModuleState) ModuleReport {
	r := ModuleReport{Path: m.Path, Info: m.Info}
	if m.Err == nil {
		return r
	}
	r.Error = m.Err.Error()
	if e := wireError(m.Err); e.Data != nil {
		if r.Reason = e.Data.Reason; e.Data.Detail != "" {
			r.Reason = e.Data.Detail
		}
	}
	return r
}

// pinState is the worst that the card says of its PIN.
func pinState(t pkcs11.Token) string {
	switch {
	case t.PINLocked:
		return PINLocked
	case t.PINFinalTry:
		return PINFinalTry
	case t.PINCountLow:
		return PINCountLow
	case t.PINNotSet:
		return PINNotSet
	}
	return ""
}
