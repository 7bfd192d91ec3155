package login

import (
	"context"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/audit"
)

// pauseStep bounds how long a pause's end goes unnoticed after the machine slept, while
// a timer stands still.
const pauseStep = 15 * time.Second

// UnknownSitesPaused is when the pause of the sites that are not allowed ends, the zero
// time where there is none.
func (s *Service) UnknownSitesPaused() time.Time {
	rest := s.queue.unknownRest()
	if rest <= 0 {
		return time.Time{}
	}
	return s.Now().Add(rest).Round(0)
}

// ResumeUnknownSites ends the pause of the sites that are not allowed, and reports
// whether there was one. A domain that pauses by itself goes on.
func (s *Service) ResumeUnknownSites() bool {
	q := s.queue
	q.mu.Lock()
	change := q.resume(q.now())
	q.mu.Unlock()
	q.notify(change)
	return change == pauseEndedByUser
}

func (q *queue) unknownRest() time.Duration {
	q.mu.Lock()
	now := q.now()
	change := q.expire(now)
	rest := q.unknown.rest(now)
	q.mu.Unlock()
	q.notify(change)
	return rest
}

// watchPauses notices the end of each pause, for those who show it, until ctx ends.
func (q *queue) watchPauses(ctx context.Context) {
	for {
		select {
		case <-q.began:
		case <-ctx.Done():
			return
		}
		for rest := q.unknownRest(); rest > 0; rest = q.unknownRest() {
			select {
			case <-time.After(min(rest, pauseStep)):
			case <-ctx.Done():
				return
			}
		}
	}
}

// pauseChanged is called by the queue.
func (s *Service) pauseChanged(change pauseChange) {
	switch change {
	case pauseBegan:
		s.Logger.Warn("sites that are not allowed are paused: too many dialogs were refused, not answered or taken back", "seconds", s.Limits.UnknownPause.Seconds(), audit.Pause)
	default:
		s.Logger.Info("the pause of the sites that are not allowed is over", "how", string(change), audit.Pause)
	}
	s.Changes.Publish()
}
