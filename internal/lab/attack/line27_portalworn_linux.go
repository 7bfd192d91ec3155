package attack

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line27() []Attack {
	return []Attack{
		{Line: 27, Title: "strangers ask for challenges while half a million sessions have expired", Play: challengeFlood},
		{Line: 27, Title: "one card guesses passwords behind everyone's address", Short: true, Play: guesses},
		{Line: 27, Title: "two hundred cards send passwords at once", Play: passwordFlood},
		{Line: 27, Title: "one browser opens many tabs", Short: true, Play: tabs},
	}
}

// expiredRows is how many sessions have expired when the flood begins.
const expiredRows = 500_000

func challengeFlood(w *World, r *Record) error {
	card, err := w.card(1)
	if err != nil {
		return err
	}
	if err := w.visitor().attach(card, stack.Username, stack.Password); err != nil {
		return err
	}
	quiet, err := logins(w, r, card, "before the flood", 0)
	if err != nil {
		return err
	}
	db, err := w.database()
	if err != nil {
		return err
	}
	defer db.Close()
	ago := time.Now().Add(-48 * time.Hour).Unix()
	_, err = db.ExecContext(w.Context, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO sessions (id, created, seen) SELECT randomblob(32), ?, ? FROM n`, expiredRows, ago, ago)
	if err != nil {
		return err
	}
	// A portal that starts finds them at once.
	if err := errors.Join(w.Portal.Signal(os.Interrupt), w.Portal.Wait()); err != nil {
		return err
	}
	if w.Portal, err = w.StartPortal(w.Context); err != nil {
		return err
	}
	challenges, end := flood(w)
	_, err = logins(w, r, card, "during the flood", quiet)
	end()
	if err != nil {
		return err
	}
	r.Check(challenges.Load() > 0, "the flood", "%d challenges of strangers were answered", challenges.Load())
	remaining, err := count(db, `SELECT COUNT(*) FROM sessions WHERE created < ?`, ago+1)
	if err != nil {
		return err
	}
	r.Check(remaining > 0 && remaining < expiredRows, "the rows that have expired", "%d of %d remain: they were being deleted meanwhile", remaining, expiredRows)
	rows, err := count(db, `SELECT (SELECT COUNT(*) FROM used_nonces) + (SELECT COUNT(*) FROM sessions WHERE account IS NULL AND created > ?)`, ago+1)
	if err != nil {
		return err
	}
	mine := 2*loginsEach + 1 + 1 // the nonces of the logins and the first connection, which left a session
	r.Check(rows == mine, "what the strangers stored", "%d rows, %d of them of logins", rows, mine)
	return nil
}

// flood asks for challenges, each time as another browser, until it is ended, and counts
// those that it gets.
func flood(w *World) (got *atomic.Int64, end func()) {
	got = &atomic.Int64{}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if a, err := w.visitor().get("/auth/challenge"); err == nil && a.Nonce != "" {
					got.Add(1)
				}
			}
		})
	}
	return got, func() { close(stop); all.Wait() }
}

const loginsEach = 20

// logins logs in again and again, and returns the median of what that took; before is
// an earlier one.
func logins(w *World, r *Record, c ownCard, when string, before time.Duration) (time.Duration, error) {
	var took []time.Duration
	good := 0
	for range loginsEach {
		begun := time.Now()
		a, err := w.visitor().login(c)
		if err != nil {
			return 0, fmt.Errorf("a login %s: %w", when, err)
		}
		took = append(took, time.Since(begun))
		if a.Next == "/espace" {
			good++
		}
	}
	slices.Sort(took)
	median := took[len(took)/2]
	r.Check(good == loginsEach, "logins "+when, "%d of %d got through, the median in %v (before: %v)", good, loginsEach, median, before)
	return median, nil
}

func count(db *sql.DB, query string, args ...any) (n int, err error) {
	return n, db.QueryRow(query, args...).Scan(&n)
}

func guesses(w *World, r *Record) error {
	guesser, person := w.visitor(), w.visitor()
	for n, v := range []*visitor{guesser, person} {
		card, err := w.card(n + 1)
		if err != nil {
			return err
		}
		if a, err := v.login(card); err != nil || a.Next != "/premiere-connexion" {
			return fmt.Errorf("no first connection: %v %s %w", a.Status, a.Reason, err)
		}
	}
	slowed := 0
	for n := range 40 {
		a, err := guesser.password([]string{stack.Username, fmt.Sprint("person", n)}[n%2], "a guess of the attack")
		if err != nil {
			return err
		}
		if a.Status == 429 {
			slowed++
		} else if a.Status != 403 {
			r.Check(false, "a guess", "%d", a.Status)
		}
	}
	logged := w.PortalLog("reason=card_slowed")
	r.Check(slowed >= 30 && logged == slowed, "40 guesses by one card", "%d had to wait, %d in the log", slowed, logged)
	a, err := person.password(stack.Username, stack.Password)
	if err != nil {
		return err
	}
	r.Check(a.Location == "/premiere-connexion/confirmation", "another card's first connection from the same address", "%d to %s", a.Status, a.Location)
	return nil
}

// mostMemory is what the portal may take while passwords flood it, in KiB: twenty at a
// time alone would be above it.
const mostMemory = 380 << 10

func passwordFlood(w *World, r *Record) error {
	var all []*visitor
	for n := range 200 {
		card, err := w.card(n + 1)
		if err != nil {
			return err
		}
		v := w.visitor()
		if a, err := v.login(card); err != nil || a.Next != "/premiere-connexion" {
			return fmt.Errorf("no first connection: %v %s %w", a.Status, a.Reason, err)
		}
		all = append(all, v)
	}
	answers := make(chan reply)
	for _, v := range all {
		go func() {
			a, err := v.password(stack.Username, "a guess of the attack")
			if err != nil {
				a.Text = err.Error()
			}
			answers <- a
		}()
	}
	full, wrong := 0, 0
	for range all {
		switch a := <-answers; a.Status {
		case 503:
			full++
		case 403:
			wrong++
		default:
			r.Check(false, "a password in the flood", "%d %.200s", a.Status, a.Text)
		}
	}
	logged := w.PortalLog("reason=line_full")
	r.Check(full+wrong == len(all) && logged == full, "200 passwords at once", "%d checked, %d told to come back, %d in the log", wrong, full, logged)
	peak, err := peakMemory(w.Portal.PID())
	if err != nil {
		return err
	}
	r.Check(peak < mostMemory, "the portal's memory", "%d MiB at most", peak>>10)
	return nil
}

// peakMemory is the most that a process has had in memory, in KiB.
func peakMemory(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	size, _, _ := strings.Cut(rest, "kB")
	return strconv.Atoi(strings.TrimSpace(size))
}

func tabs(w *World, r *Record) error {
	card, err := w.card(1)
	if err != nil {
		return err
	}
	v := w.visitor()
	nonces := make([]string, 8)
	var all sync.WaitGroup
	for i := range nonces {
		all.Go(func() {
			if a, err := v.get("/auth/challenge"); err == nil {
				nonces[i] = a.Nonce
			}
		})
	}
	all.Wait()
	good := 0
	for _, nonce := range nonces {
		token, err := card.token(w.Origin, nonce)
		if err != nil {
			return err
		}
		a, err := v.send(token)
		if err != nil {
			return err
		}
		if a.Next == "/premiere-connexion" {
			good++
		}
	}
	r.Check(good == len(nonces), "eight tabs that ask at the same time", "%d of %d log in", good, len(nonces))
	return nil
}
