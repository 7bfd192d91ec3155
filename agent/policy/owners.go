package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/owners"
	"github.com/cpx-bridge/cpx-bridge/internal/sharepath"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// trusted refuses a policy that others than its administrator may write: they would
// decide which sites are allowed and which module is loaded. One that is missing, or
// cannot be looked up, is for who reads it. The policy is read afterwards: whoever passes
// here cannot be replaced meanwhile by others.
func trusted(path string, trust owners.Trust) error {
	if path == "" {
		return nil
	}
	bad, is := errors.AsType[*owners.Error](owners.Check(path, trust))
	if !is {
		return nil
	}
	bad.Fixed = true
	return tomlfile.Refused(path, bad, func(say texts.Catalogue) string {
		return say.Text("settings.untrusted", bad.Why(say), bad.Next(say))
	})
}

// OfEverybody has what is found or named without the machine's policy be root's all the same:
// a command for everybody on the machine is run by its administrator, with whose rights nothing
// may run that others can write.
func (e *Effective) OfEverybody() *Effective {
	e.everybodys = true
	return e
}

// Owners checks who may change the program or module at the path, which the setting of
// that key names, or which was found because no file sets it. refused says that it must
// not be used: where the machine's policy names it, it has to be root's. What a person
// names is the person's own affair, and reported.
func (e *Effective) Owners(key, path string) (refused bool, err *owners.Error) {
	trust := owners.Person
	if e.Fixed(key) || e.everybodys {
		trust = owners.Root
	}
	bad, is := errors.AsType[*owners.Error](owners.CheckProgram(path, trust))
	if !is {
		return false, nil
	}
	bad.Missing = bad.Missing && bad.Path == path // and no script's interpreter
	return trust == owners.Root, bad
}

// Refuse is Owners for those who start what a setting names: an error for what must not
// be used, and a warning in the log for the rest. It is fs.ErrNotExist of what is missing
// where others may put it there: theirs will be refused.
func (e *Effective) Refuse(key string, log *slog.Logger) func(path string) error {
	return func(path string) error {
		// The form of the path was looked at before; a drive and a link show now where
		// they lead.
		if e.Fixed(key) && !e.ModulesFromNetwork && sharepath.Leads(path) {
			return fmt.Errorf("%s leads to another computer, which the machine's policy does not let be without modules_from_network", path)
		}
		switch refused, err := e.Owners(key, path); {
		case err == nil:
			return nil
		case refused && err.Missing:
			// Refused all the same: it may be there by the time that it would be loaded.
			return &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		case err.Missing:
			return nil // who starts it says so
		case refused:
			return err
		default:
			log.Warn("others may change what runs with the person's rights", "setting", key, "path", path, "why", err, audit.Setting)
			return nil
		}
	}
}

// OwnFile is why others may change the person's own settings, nil where they may not.
func (e *Effective) OwnFile() *owners.Error {
	if e.user == nil {
		return nil
	}
	bad, _ := errors.AsType[*owners.Error](owners.Check(e.user.path, owners.Person))
	return bad
}
