package browserlab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// testCase is one row of the table in each browser.
type testCase struct {
	name  string
	lang  string // "" for French
	quick bool   // also part of `make test`

	unlike bool // with an unchanged Firefox, which does not ask before release 154
	policy bool // with an administrator's policy that allows the portal
	behind bool // with the portal behind the proxy
	frame  string
	change func(http.Header)
	// address is the address to open; nil for the portal's.
	address func(p *proxy) string

	// agents starts what is on the ports before the click; nil for the person's own
	// agent on the first port.
	agents func(p *play) error
	// person is what the person does after the click on the card button.
	person func(p *play) error
}

func cases() []testCase {
	outer := func(p *proxy) string { return p.outer + "/" }
	other := func(p *proxy) string { return p.other + "/" }
	const attribute = `allow="loopback-network"`
	framed := replaced("frame-ancestors 'none'", "frame-ancestors https://"+outerHost+":* https://"+otherHost+":*")
	return []testCase{
		{name: "question allowed", quick: true, person: (*play).allow},
		{name: "question allowed, in English", lang: "en", person: (*play).allow},
		{name: "question blocked", person: (*play).block},
		{name: "question blocked, in English", lang: "en", person: (*play).block},
		{name: "block taken back", quick: true, person: func(p *play) error { return p.inOrder((*play).block, (*play).blocked, (*play).unblock) }},
		{name: "block taken back, in English", lang: "en", person: func(p *play) error { return p.inOrder((*play).block, (*play).blocked, (*play).unblock) }},
		{name: "question dismissed", person: (*play).dismiss},
		{name: "question dismissed, then allowed", person: func(p *play) error {
			return p.inOrder((*play).dismiss, (*play).dismissed, (*play).retry, (*play).allow)
		}},
		{name: "Escape while the card button has the keyboard", person: (*play).escape},
		{name: "question allowed late", person: func(p *play) error { return p.inOrder((*play).overdue, (*play).allow) }},
		{name: "question allowed when the socket has gone", person: func(p *play) error { return p.inOrder((*play).asked, (*play).restart, (*play).allow) }},
		{name: "question allowed when Firefox's socket has timed out", person: func(p *play) error { return p.inOrder((*play).asked, (*play).ignore, (*play).allow) }},
		{name: "question never answered", person: func(p *play) error { return p.inOrder((*play).asked, (*play).waitOut) }},
		{name: "no question before Firefox 154", unlike: true},
		{name: "policy in force", policy: true, quick: true},
		{name: "frame with the attribute", behind: true, frame: attribute, change: framed, address: outer, person: (*play).allow},
		{name: "frame without the attribute", behind: true, change: framed, address: outer},
		{name: "another site's frame with the attribute", behind: true, frame: attribute, change: allOf(framed, forOtherSites), address: other, person: (*play).allow},
		{name: "another site's frame without the attribute", behind: true, change: allOf(framed, forOtherSites), address: other},
		{name: "another site's frame, cookies for this site alone", behind: true, frame: attribute, change: framed, address: other, person: (*play).allow},
		{name: "page on http", behind: true, address: func(p *proxy) string { return p.plain + "/" }},
		{name: "page's CSP forbids it", behind: true, change: replaced(" ws://127.0.0.1:*", "")},
		{name: "no agent", agents: func(*play) error { return nil }},
		{name: "no agent, in English", lang: "en", agents: func(*play) error { return nil }},
		{name: "agent on the fourth port", agents: (*play).fourth, person: (*play).allow},
		{name: "other person's agent first", agents: (*play).second, person: (*play).allow},
		{name: "only another person's agent", agents: (*play).foreign, person: (*play).allow},
		{name: "silent squatter first", agents: (*play).squatted, person: (*play).allow},
	}
}

// own starts the person's agent.
func (p *play) own(port int) error {
	stop, err := p.w.agent(p.w.ctx, p.stack, port)
	if err == nil {
		p.addStop(stop)
	}
	return err
}

func (p *play) addStop(stop func()) { p.stops = append(p.stops, stop) }

// fourth starts other programs on three ports, of which one answers http, one
// nonsense, and one closes, and the person's agent on the fourth.
func (p *play) fourth() error {
	for i, do := range []func(net.Conn){
		func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
			_ = c.Close()
		},
		func(c net.Conn) { _, _ = io.WriteString(c, "220 TEST\r\n"); _ = c.Close() },
		func(c net.Conn) { _ = c.Close() },
	} {
		stop, err := listen(p.w.agentPorts+i, do)
		if err != nil {
			return err
		}
		p.addStop(stop)
	}
	return p.own(p.w.agentPorts + 3)
}

func (p *play) foreign() error {
	if os.Geteuid() != 0 {
		p.row.Note = "not root: the other person's agent is a listener that closes what it accepts, as that agent does"
	}
	stop, err := p.w.otherAgent(p.w.ctx)
	if err == nil {
		p.addStop(stop)
	}
	return err
}

func (p *play) second() error {
	if err := p.foreign(); err != nil {
		return err
	}
	return p.own(p.w.agentPorts + 1)
}

func (p *play) squatted() error {
	held := make(chan net.Conn, 1000)
	stop, err := listen(p.w.agentPorts, func(c net.Conn) { held <- c })
	if err != nil {
		return err
	}
	p.addStop(func() {
		stop()
		for len(held) > 0 {
			_ = (<-held).Close()
		}
	})
	return p.own(p.w.agentPorts + 1)
}

// restart restarts the agent while the browser asks.
func (p *play) restart() error {
	stop := p.stops[0]
	p.stops = p.stops[1:]
	stop()
	return p.own(p.w.agentPorts)
}

// inOrder takes the person's steps, one after the other.
func (p *play) inOrder(steps ...func(*play) error) error {
	for _, step := range steps {
		if err := step(p); err != nil {
			return err
		}
	}
	return nil
}

// asked waits for the browser's question and for what the page says meanwhile.
func (p *play) asked() error {
	if p.row.Question != "" {
		return nil
	}
	if _, err := p.until(patience, "the browser asks", func(_ view, q *question) bool { return q != nil }); err != nil {
		return err
	}
	p.row.Question, p.row.Asked = p.q.Text, time.Since(p.begun)
	return p.reads(p.row.Want.Asks, p.row.Overdue)
}

// reads waits until the page shows one of the texts beside the question, and records
// what it shows, even where that is another one.
func (p *play) reads(texts ...string) error {
	v, _ := p.until(patience, "", func(v view, _ *question) bool { return slices.Contains(texts, v.Progress) })
	p.row.Asks = v.Progress
	return p.picture("-question")
}

// overdue waits until the page reminds the person of the question.
func (p *play) overdue() error {
	if err := p.asked(); err != nil {
		return err
	}
	return p.reads(p.row.Overdue)
}

func (p *play) allow() error { return p.answer(answersIn(p.c.lang).allow) }
func (p *play) block() error { return p.answer(answersIn(p.c.lang).block) }

// answer clicks on a button of the browser's question until it has gone, because no
// browser accepts a click on a question that has only just appeared.
func (p *play) answer(button string) error {
	if err := p.asked(); err != nil {
		return err
	}
	return p.away("a click on "+button, func(q *question) error {
		at, ok := q.Buttons[button]
		if !ok {
			return fmt.Errorf("no button %q in the browser's question: %v", button, q.Buttons)
		}
		return p.w.screen.click(p.ctx, at)
	})
}

// reading is the shortest time in which a person reads and dismisses the question.
const reading = 2 * time.Second

func (p *play) dismiss() error {
	if err := p.asked(); err != nil {
		return err
	}
	time.Sleep(reading)
	return p.away("dismissing it", func(q *question) error { return p.window.wave(p.ctx, q) })
}

// away repeats an action on the question until the question has gone.
func (p *play) away(what string, do func(q *question) error) error {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		q, err := p.window.question(p.ctx)
		if err != nil {
			return err
		}
		if q == nil {
			return nil
		}
		p.answered = time.Now()
		if err := do(q); err != nil {
			return err
		}
		if _, err := p.until(time.Second, "", func(_ view, q *question) bool { return q == nil }); err == nil {
			return nil
		}
	}
	return fmt.Errorf("after %s the browser still shows its question", what)
}

// blocked and dismissed wait for the page's text about that, which is expected in a
// case of its own.
func (p *play) blocked() error   { return p.failedAs("question blocked") }
func (p *play) dismissed() error { return p.failedAs("question dismissed") }

func (p *play) failedAs(name string) error {
	if p.c.lang == "en" {
		name += ", in English"
	}
	v, err := p.until(patience, "the page says what went wrong", func(v view, _ *question) bool { return v.ended() && v.Title != "" })
	if err != nil {
		return err
	}
	if want := p.w.want[name].of(p.row.Browser); v.Title != want.Says || v.Help != want.Help {
		return fmt.Errorf("the page says %q %q, not as expected in %q", v.Title, v.Help, name)
	}
	return nil
}

// unblock does what the page's last text says: removes the block, clicks once more,
// and answers where the browser asks anew.
func (p *play) unblock() error {
	said := plainQuotes(p.v.Help)
	named := func(name string) bool {
		name = plainQuotes(name)
		return name != "" && (strings.Contains(said, "« "+name+" »") || strings.Contains(said, "“"+name+"”"))
	}
	if err := p.window.unblock(p.ctx, named, func() error { return p.picture("-settings") }); err != nil {
		return err
	}
	p.answered = time.Now()
	if p.row.Want.Twice {
		return p.inOrder((*play).retry, (*play).allow)
	}
	p.twice = true
	return p.press()
}

// plainQuotes replaces typographic apostrophes and spaces, in which programs differ.
func plainQuotes(text string) string {
	return strings.NewReplacer("’", "'", "\u00a0", " ", "\u202f", " ").Replace(text)
}

// retry clicks on the card button once more, and waits until the browser asks again.
func (p *play) retry() error {
	p.twice = true
	if err := p.press(); err != nil {
		return err
	}
	_, err := p.until(patience, "the browser asks again", func(_ view, q *question) bool { return q != nil })
	return err
}

// escape presses Escape while the card button has the keyboard.
func (p *play) escape() error {
	if err := p.asked(); err != nil {
		return err
	}
	time.Sleep(reading)
	return p.away("Escape", func(*question) error {
		return errors.Join(p.window.focus(p.ctx), p.w.screen.press(p.ctx, "Escape"))
	})
}

// ignore leaves the question unanswered for longer than Firefox's time limit of a
// socket.
func (p *play) ignore() error {
	select {
	case <-time.After(25 * time.Second):
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// waitOut leaves the question unanswered until the page gives up.
func (p *play) waitOut() error {
	_, err := p.until(6*time.Minute, "the page gives up", func(v view, _ *question) bool { return v.ended() && v.Title != "" })
	return err
}
