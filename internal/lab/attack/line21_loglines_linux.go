package attack

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line21() []Attack {
	return []Attack{{Line: 21, Title: "requests carry line ends, escape sequences and false lines", Short: true, Options: stack.Options{AgentOnly: true}, Play: logLines}}
}

// forged is a line that nothing but a hole in the escaping writes.
const forged = `time=2026-01-01T00:00:00.000Z level=INFO msg="login signed" origin=https://forged.example`

func logLines(w *World, r *Record) error {
	hostile := map[string]string{
		"path":   "/%0a" + strings.NewReplacer(" ", "%20", `"`, "%22").Replace(forged) + "%0d%1b%5b2J%e2%80%a8%e2%80%ae%ff%00",
		"origin": "https://evil.example\" msg=\"login signed\" \u2028\u202e\u0085\x80" + strings.Repeat("A", 12<<10),
		"host":   "evil.example:1\u2028\xff\u200b",
	}
	_, port, err := net.SplitHostPort(w.AgentAddress())
	if err != nil {
		return err
	}
	for where := range hostile {
		value := map[string]string{"path": "/v1", "origin": "https://evil.example", "host": "127.0.0.1:" + port}
		value[where] = hostile[where]
		if where == "path" {
			value["host"] = "evil.example" // refused for it, and logged with the path
		}
		if err := raw(w, fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: cpx.v1\r\n\r\n", value["path"], value["host"], value["origin"])); err != nil {
			return err
		}
	}
	refused := Stands(w.Log(), "audit=refusal")
	r.Check(refused >= 2, "the log has the refusals", "%d", refused) // net/http itself refuses a Host that is none, without a line
	own := strings.Count(w.Log(), `msg="request refused"`)
	r.Check(own == refused, "each is one line", "%d lines for %d refusals", own, refused)
	for name, file := range map[string]string{"standard error": w.Path("cpx-agent.log"), "agent.log": w.Path("state/cpx-bridge/agent.log"), "audit.log": w.Path("state/cpx-bridge/audit.log")} {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		bad, longest := 0, 0
		for _, line := range lines(string(text)) {
			printable := utf8.ValidString(line) && strings.IndexFunc(line, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
			if !printable || !began.MatchString(line) || strings.HasPrefix(line, forged) {
				bad++
			}
			longest = max(longest, len(line))
		}
		r.Check(bad == 0 && longest < 4<<10, "every line of "+name+" is one of the agent's own, and printable", "%d are not; the longest has %d bytes", bad, longest)
	}

	report := w.report()
	card := w.Cards[0]
	var named []string
	for _, identity := range []string{card.Identifier, card.Holder, card.Label} {
		if identity != "" && strings.Contains(string(report), identity) {
			named = append(named, identity)
		}
	}
	r.Check(len(report) > 0 && named == nil && card.Identifier != "", "the report for support names nobody", "%d bytes, with %q", len(report), named)
	return nil
}

var began = regexp.MustCompile(`^time=\S+ level=[A-Z]+ msg=`)

func lines(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return c == '\n' })
}

// raw sends bytes as they are, and waits for the end.
func raw(w *World, request string) error {
	var d net.Dialer
	c, err := d.DialContext(w.Context, "tcp", w.AgentAddress())
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte(request)); err != nil {
		return err
	}
	_, _ = c.Read(make([]byte, 4<<10))
	return nil
}
