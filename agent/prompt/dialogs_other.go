//go:build !linux

package prompt

func newFixed(o Options) Prompter {
	return NewPinentry(PinentryOptions{Program: o.Program, Logger: o.Logger, Refuse: o.Refuse})
}
