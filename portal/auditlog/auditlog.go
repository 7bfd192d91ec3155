// Package auditlog writes down who did what at the portal: who attached a card, logged in, failed,
// detached, from where, by which certificate. Each event is a line of JSON, where the operator
// wants them, and a row of the database, which `cpx-portal audit` lists and all instances share.
//
// A [Log] may be used concurrently. It never has a password, a token, or a session's identifier.
// What somebody can cause who has no card that the site accepts is a line alone: strangers
// leave nothing in the database.
package auditlog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/cpx-bridge/cpx-bridge/portal/network"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// The events of people. Those of operators have names of their own.
const (
	Login           = "login"            // by a card that is attached to the account
	CardProved      = "card_proved"      // of a card that is attached to none, or is of another kind now
	LoginRefused    = "login_refused"    // the token or its certificate; a line alone
	PasswordRefused = "password_refused" // in the first connection
	PasswordSlowed  = "password_slowed"  // the card had to wait; a line alone
	LoginDisabled   = "login_disabled"   // an operator disabled the account
	Attached        = "card_attached"    //
	AttachRefused   = "attach_refused"   // another account has the card
	Detached        = "card_detached"    //
	LoggedOut       = "logged_out"       // also by taking the card out
	SessionsEnded   = "sessions_ended"   // all of an account but one
)

// rowless are the events that are lines alone.
var rowless = map[string]bool{LoginRefused: true, PasswordSlowed: true}

// Options are what a Log stands on.
type Options struct {
	Store   *store.Store
	Proxies network.Proxies
	Now     func() time.Time
	// Lines is where the lines of JSON go; nil: nowhere.
	Lines io.Writer
	// Count is called with each event; nil: nobody counts.
	Count func(event, reason string)
	// Log is told of a row that could not be written.
	Log *slog.Logger
}

// Log is the audit log of an instance.
type Log struct {
	o     Options
	lines *slog.Logger
}

// New makes a Log.
func New(o Options) *Log {
	l := &Log{o: o, lines: slog.New(slog.DiscardHandler)}
	if o.Lines != nil {
		l.lines = slog.New(slog.NewJSONHandler(o.Lines, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.LevelKey || a.Key == slog.TimeKey) {
				return slog.Attr{}
			}
			return a
		}}))
	}
	return l
}

// Open opens where lines go: "-" is standard output, and any other a file, which is appended to.
func Open(to string) (io.WriteCloser, error) {
	if to == "-" {
		return standard{os.Stdout}, nil
	}
	f, err := os.OpenFile(to, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return f, nil
}

// standard is standard output, which stays open.
type standard struct{ io.Writer }

func (standard) Close() error { return nil }

// Address is where a request comes from.
func (l *Log) Address(r *http.Request) string { return l.o.Proxies.Address(r) }

// Of is an event of a request, with its time and its address.
func (l *Log) Of(r *http.Request, e store.AuditEvent) store.AuditEvent {
	e.Address = l.Address(r)
	e.At = l.o.Now().UTC().Truncate(time.Second)
	return e
}

// Record writes an event of a request down; its time and address are set here. That a row
// cannot be written keeps nobody out, and is an error of the log's: the line is there.
func (l *Log) Record(r *http.Request, e store.AuditEvent) { l.Write(r.Context(), l.Of(r, e)) }

// Write writes an event down.
func (l *Log) Write(ctx context.Context, e store.AuditEvent) {
	l.Line(ctx, e)
	if rowless[e.Event] {
		return
	}
	// Also where the browser is gone: it happened.
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer end()
	if err := l.o.Store.AddAudit(ctx, e); err != nil {
		l.o.Log.Error("an event is missing in the database's audit log", "event", e.Event, "error", err)
	}
}

// Line writes the line of an event whose row is in the database already, and counts it.
func (l *Log) Line(ctx context.Context, e store.AuditEvent) {
	attributes := []slog.Attr{slog.Time("at", e.At)}
	for _, a := range []slog.Attr{
		slog.String("event", e.Event), slog.String("reason", e.Reason), slog.Int64("account", e.Account), slog.String("name", e.Name),
		slog.Int64("card", e.Card), slog.String("certificate", e.Certificate), slog.String("address", e.Address),
	} {
		if !a.Value.Equal(slog.StringValue("")) && !a.Value.Equal(slog.Int64Value(0)) {
			attributes = append(attributes, a)
		}
	}
	if l.o.Count != nil {
		l.o.Count(e.Event, e.Reason)
	}
	l.lines.LogAttrs(ctx, slog.LevelInfo, "audit", attributes...)
}

// patience is how long a row may take.
const patience = 5 * time.Second
