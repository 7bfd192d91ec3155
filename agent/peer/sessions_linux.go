package peer

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/desktopsession"
)

// OwnerInSession is Owner for a process whose questions appear on a screen: programs of the
// person's that run in another desktop session, before another screen, are none of the
// person's. several reports whether another agent serves this account, which is asked where the
// system does not distinguish the sessions: then nobody is let in on a guess.
//
// Programs without a screen, as over ssh, are in no other session.
func OwnerInSession(several func() bool) func(local, remote netip.AddrPort) (Identity, error) {
	s := &sessions{own: desktopsession.Own(), several: several}
	if !s.own.HasScreen() {
		return Owner
	}
	return s.owner
}

// sessionLimit is for servers with the processes of many people: what is not found by then may
// be refused.
const sessionLimit = 2 * time.Second

type sessions struct {
	own     desktopsession.Session
	several func() bool

	mu     sync.Mutex
	recent []string // processes that held connections, the latest first
}

// maxRecent is how many processes are tried before all others: a browser's connections are one
// process's.
const maxRecent = 8

func (s *sessions) owner(local, remote netip.AddrPort) (Identity, error) {
	uid, inode, err := find(local, remote)
	if err != nil {
		return Identity{}, err
	}
	who := identity(uid, inode)
	if !who.SamePerson() {
		return who, nil
	}
	if from := s.of(inode); !s.admits(from) {
		return OtherSession(slog.String("session", from.String())), nil
	}
	return who, nil
}

// admits reports whether a program of the account's may connect by its desktop session.
func (s *sessions) admits(from desktopsession.Session) bool {
	switch s.own.Relation(from) {
	case desktopsession.Same, desktopsession.Offscreen:
		return true
	case desktopsession.Other:
		return false
	}
	return !s.several()
}

// of is the desktop session of the process that holds a socket; nothing where none is found.
func (s *sessions) of(inode uint32) desktopsession.Session {
	ctx, cancel := context.WithTimeout(context.Background(), sessionLimit)
	defer cancel()
	link := socketLink(inode)
	s.mu.Lock()
	known := slices.Clone(s.recent)
	s.mu.Unlock()
	pid := ""
	for _, name := range known {
		if holds(ctx, name, link, func(int) {}) {
			pid = name
			break
		}
	}
	if pid == "" {
		eachProcess(ctx, func(name string) (more bool) {
			if holds(ctx, name, link, func(int) {}) {
				pid = name
			}
			return pid == ""
		})
	}
	number, err := strconv.Atoi(pid)
	if err != nil {
		return desktopsession.Session{}
	}
	s.mu.Lock()
	s.recent = append([]string{pid}, slices.DeleteFunc(s.recent, func(p string) bool { return p == pid })...)
	s.recent = s.recent[:min(len(s.recent), maxRecent)]
	s.mu.Unlock()
	return desktopsession.Of(number)
}
