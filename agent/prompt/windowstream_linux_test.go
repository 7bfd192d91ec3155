package prompt

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// TestNothingOfTheWindowsPINStays: in whatever pieces the window's process hands over a
// PIN, it is what was typed, and nothing of it stays in the memory that it was read into.
func TestNothingOfTheWindowsPINStays(t *testing.T) {
	const secret = "739582é4061"
	first := fmt.Sprintf(`{"id":1,"answer":"ok","row":-1,"length":%d}`+"\n", len(secret))
	for size := 1; size < len(first)+len(secret); size++ {
		p := &pieces{stream: []byte(first + secret + `{"id":2,"answer":"cancel","row":-1}` + "\n"), lengths: []byte{byte(size - 1)}}
		lines := &secretLines{r: p}
		got, err := nextAnswer(lines)
		if err != nil || string(got.pin) != secret || got.ID != 1 {
			t.Fatalf("%d bytes each: %+v, %v", size, got, err)
		}
		clear(got.pin)
		if found := p.traces([]byte(secret)); len(found) > 0 {
			t.Errorf("%d bytes each: %q stays", size, found)
		}
		if next, err := nextAnswer(lines); err != nil || next.ID != 2 || next.Answer.Answer != dialog.Cancel || next.pin != nil {
			t.Errorf("%d bytes each, after it: %+v, %v", size, next, err)
		}
	}
	for name, stream := range map[string]string{
		"longer than any PIN": fmt.Sprintf(`{"id":1,"answer":"ok","row":-1,"length":%d}`+"\n%s", dialog.Longest+1, strings.Repeat("1", dialog.Longest+1)),
		"less than nothing":   `{"id":1,"answer":"ok","row":-1,"length":-4}` + "\n1234",
		"ends in the PIN":     `{"id":1,"answer":"ok","row":-1,"length":6}` + "\n7395",
	} {
		p := &pieces{stream: []byte(stream)}
		lines := &secretLines{r: p}
		got, err := nextAnswer(lines)
		lines.wipe()
		if err == nil || got.pin != nil || name == "ends in the PIN" && !errors.Is(err, io.EOF) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if found := p.traces([]byte("7395")); len(found) > 0 {
			t.Errorf("%s: %q stays", name, found)
		}
	}
}
