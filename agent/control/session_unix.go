//go:build !windows

package control

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/desktopsession"
	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
)

// ofScreen begins the names of the folders of further sessions' agents.
const ofScreen = "screen-"

// notInName is what a screen's name has that a folder's should not.
var notInName = lazyregexp.New(`[^0-9A-Za-z.-]+`)

// inSession returns the folder of the session's own agent. The account's first agent has p;
// where that is another desktop session's, this one has a folder below it, by its screen, from
// then on: questions must not appear before somebody else. A command without a screen, as over
// ssh, finds the first, else any other that runs; so does one whose screen ssh brings along, as
// long as no agent has that screen.
func (p instance) inSession(own desktopsession.Session) instance {
	if !own.HasScreen() {
		return p.orFurther()
	}
	q := in(filepath.Join(p.dir, folderOf(own.Screens()[0])))
	if own.Forwarded() && q.running() == nil {
		return p.orFurther()
	}
	if info, err := os.Lstat(q.dir); err == nil && info.IsDir() || p.ofAnotherSession(own) {
		return q
	}
	return p
}

// maxFolder is the longest that a screen's name is in a folder's, in bytes: it can be anything
// that an environment holds, and a folder's name 255.
const maxFolder = 64

// folderOf is the name of a screen's folder.
func folderOf(screen string) string {
	name := strings.Trim(notInName.ReplaceAllString(screen, "-"), "-")
	if len(name) > maxFolder {
		name = fmt.Sprintf("%x", sha256.Sum256([]byte(screen)))
	}
	return ofScreen + name
}

// orFurther is the first agent's folder; where none runs there, that of another that does.
func (p instance) orFurther() instance {
	if p.running() == nil {
		for _, q := range p.further() {
			if q.running() != nil {
				return q
			}
		}
	}
	return p
}

// further are the folders of further sessions' agents.
func (p instance) further() (list []instance) {
	entries, _ := os.ReadDir(p.dir)
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), ofScreen) {
			list = append(list, in(filepath.Join(p.dir, e.Name())))
		}
	}
	return list
}

// ofAnotherSession reports whether the folder has an agent, or what starts one, of another
// desktop session.
func (p instance) ofAnotherSession(own desktopsession.Session) bool {
	entries, _ := os.ReadDir(p.dir)
	for _, e := range entries {
		q := instance{p.dir, filepath.Join(p.dir, e.Name())}
		if q.file != in(p.dir).file && !isSupervisor(e.Name()) || q.running() == nil {
			continue
		}
		switch own.Relation(q.holder()) {
		case desktopsession.Other, desktopsession.Apart:
			return true
		}
	}
	return false
}

// isSupervisor recognises the file that a supervisor holds.
func isSupervisor(name string) bool {
	found := ofSupervisor.FindStringSubmatch(name)
	return found != nil && found[1] == name
}

// holder is the desktop session of the process that holds the file.
func (p instance) holder() desktopsession.Session {
	f, err := os.Open(p.file)
	if err != nil {
		return desktopsession.Session{}
	}
	defer f.Close()
	pid, screens := readHolder(f)
	s := desktopsession.Of(pid)
	if len(screens) > 0 { // it is closed to us, so that Of knows none
		s = s.WithScreens(screens)
	}
	return s
}

// maxHolder is the longest that is read of who holds a file, in bytes.
const maxHolder = 4 << 10

// writeHolder writes the process's number and the names of its screens, a line each.
func writeHolder(f *os.File) error {
	lines := append([]string{strconv.Itoa(os.Getpid())}, desktopsession.Own().Screens()...)
	_, err := f.WriteAt([]byte(strings.Join(lines, "\n")+"\n"), 0)
	return err
}

// readHolder reads them; 0 where the other process has not written them yet.
func readHolder(f *os.File) (pid int, screens []string) {
	text, err := io.ReadAll(io.LimitReader(f, maxHolder))
	if err != nil {
		return 0, nil
	}
	number, rest, _ := strings.Cut(string(text), "\n")
	pid, _ = strconv.Atoi(number)
	return pid, strings.Fields(rest)
}

// OtherSession reports whether the account's first agent is another desktop session's, so that
// this one has a folder of its own.
func OtherSession(stateDir string) bool {
	p, err := first(stateDir)
	return err == nil && p.inSession(desktopsession.Own()) != p
}

// others are the account's agents that run in other desktop sessions, by their folders.
func others(stateDir string) (list []instance, err error) {
	p, err := first(stateDir)
	if err != nil {
		return nil, err
	}
	own := p.inSession(desktopsession.Own())
	for _, q := range append(p.further(), p) {
		if q != own && q.running() != nil {
			list = append(list, q)
		}
	}
	return list, nil
}

// Others reports whether agents of this account run in other desktop sessions.
func Others(stateDir string) bool {
	list, err := others(stateDir)
	return err == nil && len(list) > 0
}

// CallOthers calls a method of each of them.
func CallOthers(ctx context.Context, stateDir, method string, params any) error {
	list, err := others(stateDir)
	for _, p := range list {
		if callErr := call(ctx, p.dial, method, params, nil, func(int) {}); !errors.Is(callErr, ErrNoAgent) {
			err = errors.Join(err, callErr)
		}
	}
	return err
}
