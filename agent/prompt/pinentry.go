package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

// PinentryOptions are the options of NewPinentry.
type PinentryOptions struct {
	Program string       // absolute path; "": the first found on PATH
	Logger  *slog.Logger // nil: none
	// Refuse is asked before a program is started, and says why it must not be; nil:
	// none is refused.
	Refuse func(program string) error
}

// Pinentry asks through a pinentry program, one process for each dialog.
type Pinentry struct {
	program string
	log     *slog.Logger
	refuse  func(program string) error // nil: none
}

// NewPinentry makes a Prompter. It finds the program anew for each dialog, so that
// one installed later is used.
func NewPinentry(o PinentryOptions) *Pinentry {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Pinentry{program: o.Program, log: o.Logger, refuse: o.Refuse}
}

// find returns the program in the settings, else the first that suits the request:
// one with windows where there is a display, or one for the terminal.
func (p *Pinentry) find(request string) (string, error) {
	return p.among(request, terminal() != "")
}

func (p *Pinentry) among(request string, onTerminal bool) (string, error) {
	var names []string
	if hasDisplay() {
		names = onDisplay(request)
	}
	if onTerminal {
		names = append(names, "pinentry-tty", "pinentry-curses")
	}
	return p.first(names)
}

// onDisplay are the programs with windows, in the order of preference.
func onDisplay(request string) []string {
	if request == "GETPIN" {
		return []string{"pinentry-qt", "pinentry-gnome3", "pinentry-gtk-2"}
	}
	// GNOME's program accepts Enter as yes as soon as it opens, while the person
	// may still be typing in the browser.
	return []string{"pinentry-qt", "pinentry-gtk-2", "pinentry-gnome3"}
}

// first is the program in the settings, or else the first of the names found on PATH.
func (p *Pinentry) first(names []string) (string, error) {
	if p.program != "" {
		if _, err := exec.LookPath(p.program); err != nil {
			return "", fmt.Errorf("%w: the program of the settings: %w", ErrUnavailable, err)
		}
		return p.program, nil
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	if len(names) == 0 {
		return "", fmt.Errorf("%w: neither a display nor a terminal", ErrUnavailable)
	}
	return "", fmt.Errorf("%w: no pinentry program on PATH (%s)", ErrUnavailable, strings.Join(names, ", "))
}

// defaultsToYes recognises GNOME's program, also under Debian's name for the default one.
func defaultsToYes(program string) bool {
	if real, err := filepath.EvalSymlinks(program); err == nil {
		program = real
	}
	return strings.Contains(filepath.Base(program), "gnome3")
}

func hasDisplay() bool { return os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "" }

// settings are the SET… commands of a dialog, in their order.
type settings [][2]string

// ask shows one dialog and returns the data of its answer.
func (p *Pinentry) ask(ctx context.Context, lang string, set settings, request string) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	program, err := p.find(request)
	if err != nil {
		return nil, err
	}
	if err := p.refused(program); err != nil {
		return nil, err
	}
	data, err := p.converse(ctx, program, lang, set, request)
	var refused *assuanError
	switch {
	case ctx.Err() != nil:
		clear(data)
		return nil, ended(ctx)
	case err == nil:
		return data, nil
	case errors.As(err, &refused):
		clear(data)
		return nil, refused
	}
	clear(data)
	return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, program, err)
}

func (p *Pinentry) refused(program string) error {
	if p.refuse == nil {
		return nil
	}
	if why := p.refuse(program); why != nil {
		return fmt.Errorf("%w: %w: %w", ErrUnavailable, ErrUntrusted, why)
	}
	return nil
}

func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ErrTimeout
	}
	return context.Cause(ctx)
}

func (p *Pinentry) converse(ctx context.Context, program, lang string, set settings, request string) ([]byte, error) {
	r, err := start(ctx, program)
	if err != nil {
		return nil, err
	}
	defer r.end()
	a := newAssuan(r.stdin, r.stdout)
	defer a.r.wipe()
	if _, err := a.answer(); err != nil { // its greeting
		return nil, fmt.Errorf("no greeting: %w", noEOF(err))
	}
	if err := p.prepare(ctx, a, lang, set); err != nil {
		return nil, noEOF(err)
	}
	data, err := a.command(request)
	return data, noEOF(err)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the program ended")
	}
	return err
}

// prepare sends the options, which a program may refuse, and the texts, which it must
// accept: a dialog that does not say why must never ask for a PIN.
func (p *Pinentry) prepare(ctx context.Context, a *assuan, lang string, set settings) error {
	options := []string{"lc-ctype=" + locale(lang), "lc-messages=" + locale(lang)}
	if tty := terminal(); tty != "" {
		options = append(options, "ttyname="+tty, "ttytype="+os.Getenv("TERM"))
	}
	for _, o := range options {
		if _, err := a.command("OPTION " + o); err != nil && !isRefusal(err) {
			return err
		}
	}
	seconds := 0 // no limit of the program's own, such as a minute: the context ends the dialog
	if deadline, ok := ctx.Deadline(); ok {
		seconds = max(1, int(time.Until(deadline).Seconds())+1)
	}
	if _, err := a.command(fmt.Sprintf("SETTIMEOUT %d", seconds)); err != nil && !isRefusal(err) {
		return err
	}
	for _, s := range set {
		if s[1] == "" {
			continue
		}
		if _, err := a.command(s[0] + " " + escape(s[1])); err != nil {
			return fmt.Errorf("%s: %w", s[0], err)
		}
	}
	return nil
}

func isRefusal(err error) bool {
	var refused *assuanError
	return errors.As(err, &refused)
}

// locale is the locale for the dialog. That of the desktop or terminal is preferred:
// with one that is not installed, accents would be lost.
func locale(lang string) string {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		value := os.Getenv(name)
		if upper := strings.ToUpper(value); strings.HasSuffix(upper, ".UTF-8") || strings.HasSuffix(upper, ".UTF8") {
			return value
		}
	}
	if lang == language.English {
		return "en_US.UTF-8"
	}
	return "fr_FR.UTF-8"
}

// answerError turns the program's refusal into this package's errors.
func answerError(err error) error {
	var refused *assuanError
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.code {
	case codeCancelled, codeNotConfirmed:
		return ErrCancelled
	case codeTimeout:
		return ErrTimeout
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, refused)
}
