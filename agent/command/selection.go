package command

import (
	"errors"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
)

// selection says which findings of doctor's are wanted, as an inventory asks.
type selection struct {
	scope, ignore string // lists with commas
	schema        bool
}

// scopes are those that are wanted, nil for all.
func (o selection) scopes() (list []doctor.Scope, err error) {
	for _, name := range entries(o.scope) {
		if !slices.Contains(doctor.Scopes(), doctor.Scope(name)) {
			return nil, misused("command.misuse.no_scope", name, strings.Join(scopeNames(), ", "))
		}
		if !slices.Contains(list, doctor.Scope(name)) {
			list = append(list, doctor.Scope(name))
		}
	}
	return list, nil
}

// codes are those that are not wanted.
func (o selection) codes() ([]string, error) {
	list := entries(o.ignore)
	for _, code := range list {
		if !doctor.Known(code) {
			return nil, misused("command.misuse.no_code", code)
		}
	}
	return list, nil
}

// check returns what is wrong with the options, before anything is examined. A report for a
// hotline is whole, and its exit status is that of what it says.
func (o selection) check(r reportOptions, json bool) error {
	reports := r != reportOptions{}
	switch {
	case o.scope != "" && len(entries(o.scope)) == 0:
		return misused("command.misuse.no_value", "--scope")
	case o.ignore != "" && len(entries(o.ignore)) == 0:
		return misused("command.misuse.no_value", "--ignore")
	case o.schema && (json || reports || o.scope+o.ignore != ""):
		return misused("command.misuse.alone", "--schema")
	case o.scope != "" && reports:
		return misused("command.misuse.whole_report", "--scope")
	case o.ignore != "" && reports:
		return misused("command.misuse.whole_report", "--ignore")
	}
	_, scopesErr := o.scopes()
	_, codesErr := o.codes()
	return errors.Join(scopesErr, codesErr)
}

func scopeNames() (names []string) {
	for _, s := range doctor.Scopes() {
		names = append(names, string(s))
	}
	return names
}

// entries are the entries of a list with commas.
func entries(list string) (all []string) {
	for _, w := range strings.Split(list, ",") {
		if w = strings.TrimSpace(w); w != "" && !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// ofEverybody reports a command line that asks for nothing of the person who runs it: their
// settings are not read.
func (l *line) ofEverybody() bool {
	if l.options == nil { // a request of the shells' completion
		return false
	}
	f := l.options.Lookup("scope")
	return f != nil && f.Changed && len(entries(f.Value.String())) > 0 && !slices.Contains(entries(f.Value.String()), string(doctor.OfPerson))
}

// unexamined is an error that kept doctor from saying anything about the workstation, or
// from handing on what it had to say.
type unexamined struct{ err error }

func (e unexamined) Error() string { return e.err.Error() }
func (e unexamined) Unwrap() error { return e.err }

// orUnexamined is err as it is where it has an exit status of its own.
func orUnexamined(err error) error {
	var (
		known status
		wrong *misuse
	)
	if err == nil || errors.As(err, &known) || errors.As(err, &wrong) {
		return err
	}
	return unexamined{err}
}
