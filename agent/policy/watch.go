package policy

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/filewatch"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// Change is a setting that is another than it was, or comes from elsewhere.
type Change struct {
	Old, New Setting // of one key
}

// Changes are the settings in which two differ.
func Changes(before, now *Effective) (list []Change) {
	is := now.Describe()
	for i, was := range before.Describe() {
		if was != is[i] {
			list = append(list, Change{was, is[i]})
		}
	}
	return list
}

// Watch follows the settings while an agent runs. Paths, Now, Logger and Changed are
// required.
type Watch struct {
	Paths  Paths
	Now    *Effective // what is in force when it begins
	Logger *slog.Logger
	// Changed is called with settings that are in force from now on.
	Changed func(*Effective)
	// Refused is called with why what stands there now is not taken, or not all of it,
	// and with nil once it is; nil: nobody wants it.
	Refused func(error)
	// Settle is how long nothing may change before anything is read: group policy and
	// editors write in several steps; default 300 ms. Unasked is after how long it is read
	// unasked, for what no system reports; default five minutes, so that a process that waits is
	// seldom woken.
	Settle, Unasked time.Duration
	// Doubt is after how long a policy, or something of it, that is gone must be found gone a
	// second time before that counts; default 5 s.
	Doubt time.Duration
	// Patience is how long the person's file may take to be read; default 5 s.
	Patience time.Duration

	// follow watches a file; default filewatch.Follow.
	follow func(ctx context.Context, paths []string, changed func()) error
	// once is set where the person's file is a pipe, as `--config <(…)` makes one: there is
	// no more to read.
	once    bool
	pending chan userRead // what a reading that took longer will give; nil: none runs
	doubt   *doubt        // nil: there is none

	machineFile rereader
	userFile    rereader // for the reading that runs
}

// userRead is what a reading of the person's file gives.
type userRead struct {
	source *source
	err    error
}

const (
	defaultSettle  = 300 * time.Millisecond
	longestSettle  = 5 // of them, where changes never cease
	defaultUnasked = 5 * time.Minute
	defaultDoubt   = 5 * time.Second

	defaultPatience = 5 * time.Second
)

// Run reads the settings anew after each change, until ctx ends. What is bad is not taken:
// the machine's policy, or the person's file, stays as it was last good, and neither keeps
// the other from being taken.
func (w Watch) Run(ctx context.Context) {
	if w.Settle == 0 {
		w.Settle = defaultSettle
	}
	if w.Unasked == 0 {
		w.Unasked = defaultUnasked
	}
	if w.Doubt == 0 {
		w.Doubt = defaultDoubt
	}
	if w.Patience == 0 {
		w.Patience = defaultPatience
	}
	if w.follow == nil {
		w.follow = filewatch.Follow
	}
	if w.Refused == nil {
		w.Refused = func(error) {}
	}
	w.once = plainfile.Handed(w.Paths.User)
	machine, user := newNotices(), newNotices()
	var running sync.WaitGroup
	defer running.Wait()
	follow := func(what string, changed notices, watch func(context.Context, func()) error) {
		running.Go(func() {
			if err := watch(ctx, changed.notify); err != nil && ctx.Err() == nil {
				w.Logger.Warn("settings are not watched, but read again after a while", "what", what, "error", err, audit.Setting)
			}
		})
	}
	followFile := func(path string, changed notices) {
		if path != "" {
			follow(path, changed, func(ctx context.Context, changed func()) error { return w.follow(ctx, []string{path}, changed) })
		}
	}
	if !w.once {
		followFile(w.Paths.User, user)
	}
	if w.Paths.Registry == nil {
		followFile(w.Paths.Machine, machine)
	}
	for r := w.Paths.Registry; r != nil; r = r.Otherwise {
		if r.Watch != nil {
			follow(r.Name, machine, r.Watch)
		}
	}
	unasked := time.NewTicker(w.Unasked)
	defer unasked.Stop()
	refused := ""
	for {
		select {
		case <-machine:
		case <-user:
		case <-w.confirms():
		case <-unasked.C:
			if refused == "" && w.stands(ctx) {
				continue
			}
		case <-ctx.Done():
			return
		}
		settled := w.settle(ctx, machine, user)
		if ctx.Err() == nil {
			refused = w.read(ctx, settled, refused)
		}
		if !settled {
			machine.notify() // it is looked at until it rests
		}
	}
}

// notices receives when something changed.
type notices chan struct{}

func newNotices() notices { return make(notices, 1) }

func (n notices) notify() {
	select {
	case n <- struct{}{}:
	default: // the one that is there serves for both
	}
}

// read takes what is good, nothing of a machine's policy that does not rest. refused is why something was not, the last time, and what it
// returns why it is not now.
func (w *Watch) read(ctx context.Context, settled bool, refused string) string {
	machine, user, err := w.reread(ctx, settled)
	if ctx.Err() != nil {
		return refused
	}
	now := merged(machine, user)
	if !reflect.DeepEqual(now, w.Now) {
		w.report(now)
		w.Now = now
		w.Changed(now)
	}
	why := ""
	if err != nil {
		why = err.Error()
	}
	if why == refused {
		return why
	}
	if err != nil {
		log := w.Logger
		if where, is := errors.AsType[*SettingsError](err); is && where.Key != "" {
			log = log.With("key", where.Key, "line", where.Line)
		}
		log.Error("settings are not taken: those from before stay in force", "error", err, audit.Setting)
	} else {
		w.Logger.Info("the settings are good again", audit.Setting)
	}
	w.Refused(err)
	return why
}

// report writes into the log what changes.
func (w *Watch) report(now *Effective) {
	for _, c := range Changes(w.Now, now) {
		w.Logger.Info("setting changed", "key", c.New.Key, "old", c.Old.Value, "new", c.New.Value, "was_from", c.Old.From, "from", c.New.From, audit.Setting)
	}
	known := map[Warning]bool{}
	for _, warning := range w.Now.Warnings {
		known[warning] = true
	}
	for _, warning := range now.Warnings {
		if !known[warning] {
			warning.Log(w.Logger)
		}
	}
}

// Log writes the warning into the log.
func (w Warning) Log(log *slog.Logger) {
	log.Warn("setting not taken", "file", w.File, "line", w.Line, "key", w.Key, "why", w.Text, audit.Setting)
}

// stands reports whether what is to be read is what is in force. Nothing needs to rest for
// that, which would wake the process once more.
func (w *Watch) stands(ctx context.Context) bool {
	if w.doubt != nil || w.pending != nil {
		return false
	}
	machine, err := w.Paths.rereadMachine(&w.machineFile)
	if err != nil || !reflect.DeepEqual(machine, w.Now.machine) {
		return false
	}
	user, err := w.rereadUser(ctx)
	return err == nil && reflect.DeepEqual(user, w.Now.user)
}

// reread reads both. Of what is bad it returns what was good before: a person whose own
// file is bad does not escape a policy that changes, and a bad policy does not end at what
// nobody wrote.
func (w *Watch) reread(ctx context.Context, settled bool) (machine, user *source, err error) {
	if settled {
		machine, err = w.Paths.rereadMachine(&w.machineFile)
	} else {
		err = w.Paths.restless()
	}
	if err == nil {
		machine = w.believed(machine)
	} else {
		machine, w.doubt = w.Now.machine, nil
	}
	user, wrong := w.rereadUser(ctx)
	if wrong == nil {
		wrong = w.Paths.checkUser(user, machine)
	}
	if wrong != nil {
		user = w.Now.user
		if err == nil {
			err = wrong
		}
	}
	return machine, user, err
}

// rereadUser reads the person's file, and waits no longer than its patience: a
// network that is away would else keep a policy that changes from being taken.
func (w *Watch) rereadUser(ctx context.Context) (*source, error) {
	if w.once {
		return w.Now.user, nil
	}
	select {
	case <-w.pending: // it is older than what made this reading
		w.pending = nil
	default:
	}
	if w.pending == nil {
		pending := make(chan userRead, 1)
		paths := w.Paths
		go func() {
			s, err := w.userFile.read(paths.User, paths.UserRequired)
			pending <- userRead{s, err}
		}()
		w.pending = pending
	}
	select {
	case read := <-w.pending:
		w.pending = nil
		return read.source, read.err
	case <-time.After(w.Patience):
		return nil, tomlfile.New(w.Paths.User, 0, "", tomlfile.Say("settings.no_answer"))
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
