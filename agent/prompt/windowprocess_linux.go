package prompt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
)

// windowProcess is the process of a window, which is asked one question at a time. Its
// answers count where they bear the number of the question that stands.
type windowProcess struct {
	running   *running
	cancelled func() // the person closed the window while it asked nothing, or nobody awaited its answer
	answers   chan answered
	dead      chan struct{} // closed when nothing is read any more
	fronting  atomic.Bool   // it is being asked to come to the front

	mu      sync.Mutex
	request dialog.Request // the latest
	open    bool           // its answer counts
	err     error          // why it is dead
}

// answered is an answer with its PIN, which whoever has it overwrites.
type answered struct {
	dialog.Answer
	pin []byte
}

func startWindow(ctx context.Context, command []string, cancelled func()) (*windowProcess, error) {
	r, err := start(ctx, command[0], command[1:]...)
	if err != nil {
		return nil, err
	}
	p := &windowProcess{running: r, cancelled: cancelled, answers: make(chan answered, 1), dead: make(chan struct{})}
	go p.read()
	return p, nil
}

func (p *windowProcess) lives() bool {
	select {
	case <-p.dead:
		return false
	default:
		return true
	}
}

// asked reports whether it has had a question.
func (p *windowProcess) asked() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.request.ID > 0
}

func (p *windowProcess) why() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// end kills the process. An answer that nobody fetched is overwritten.
func (p *windowProcess) end() {
	p.running.end()
	<-p.dead
	p.withdraw()
}

// put shows a request in the place of the one before.
func (p *windowProcess) put(ctx context.Context, r dialog.Request) error {
	p.withdraw()
	p.mu.Lock()
	r.ID = p.request.ID + 1
	p.request, p.open = r, true
	p.mu.Unlock()
	r.Buttons = shortcuts(r.Buttons, "_")
	// A process that reads nothing would hold this up for ever.
	stop := context.AfterFunc(ctx, func() { _ = p.running.stdin.Close() })
	defer stop()
	if err := json.NewEncoder(p.running.stdin).Encode(r); err != nil {
		return fmt.Errorf("%w: %w", errDied, err)
	}
	return nil
}

// withdraw makes the latest request's answer count no more, whenever it comes, but for a
// cancellation: whoever cancels means the whole login.
func (p *windowProcess) withdraw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = false
	select {
	case unused := <-p.answers:
		clear(unused.pin)
		if unused.Answer.Answer == dialog.Cancel {
			p.cancelled()
		}
	default:
	}
}

// read reads answers until one is none, or the process ends.
func (p *windowProcess) read() {
	lines := &secretLines{r: p.running.stdout}
	defer close(p.dead)
	defer lines.wipe()
	for {
		got, err := nextAnswer(lines)
		if err == nil {
			err = p.deliver(got)
		}
		if err != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.err = fmt.Errorf("%w: %w", errDied, noEOF(err))
			return
		}
	}
}

// deliver accepts an answer that one of the request's buttons gives: a process that was
// started for one question may have been made to answer another.
func (p *windowProcess) deliver(got answered) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r := p.request; {
	case got.ID == r.ID && !p.open && got.Answer.Answer == dialog.Cancel:
		clear(got.pin)
		p.cancelled()
	case got.ID < r.ID || got.ID == r.ID && !p.open:
		clear(got.pin) // the answer and the next question crossed
	case got.ID > r.ID:
		clear(got.pin)
		return fmt.Errorf("it answered question %d of %d", got.ID, r.ID)
	default:
		if err := fits(r, got.Answer); err != nil {
			clear(got.pin)
			return err
		}
		p.open = false
		if r.Busy {
			p.cancelled()
			return nil
		}
		p.answers <- got // it has room: withdraw empties it before each question
	}
	return nil
}

// nextAnswer reads an answer, and the PIN that follows it.
func nextAnswer(lines *secretLines) (got answered, err error) {
	line, err := lines.next()
	if err != nil {
		return got, err
	}
	if got.Answer, err = readAnswer(line); err != nil || got.Length == 0 {
		return got, err
	}
	got.pin, err = lines.exactly(got.Length)
	return got, err
}

// readAnswer accepts nothing that two readers could understand differently.
func readAnswer(line []byte) (answer dialog.Answer, err error) {
	if err := strictjson.Into(line, &answer); err != nil {
		return dialog.Answer{}, err
	}
	if answer.Length < 0 || answer.Length > dialog.Longest {
		return dialog.Answer{}, fmt.Errorf("a PIN of %d bytes", answer.Length)
	}
	return answer, nil
}

// fits fails where no button of the request gives the answer.
func fits(r dialog.Request, a dialog.Answer) error {
	offered := func(b dialog.Button) bool { return b.Answer == a.Answer && b.Answer != dialog.Copy }
	yes := a.Answer == dialog.OK
	switch {
	case a.Answer != dialog.Cancel && !slices.ContainsFunc(r.Buttons, offered) && !(r.Passes && yes):
		return fmt.Errorf("it answered %.40q, which no button gives", a.Answer)
	case yes && len(r.Rows) > 0 && (a.Row < 0 || a.Row >= len(r.Rows)):
		return fmt.Errorf("it chose row %d of %d", a.Row, len(r.Rows))
	case (yes && r.Entry != nil) != (a.Length > 0):
		return errors.New("a PIN where none was asked for, or none where one was")
	}
	return nil
}
