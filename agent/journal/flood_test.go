package journal

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
)

// written is what a log writes, and how often each line of it stands for.
type written struct {
	mu    sync.Mutex
	text  bytes.Buffer
	lines []string
}

func (k *written) Write(line []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lines = append(k.lines, string(line))
	return k.text.Write(line)
}

// all are the lines so far.
func (k *written) all() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.lines)
}

var more = regexp.MustCompile(` more=(\d+) first=(\S+) last=(\S+)\n$`)

// stands is how many lines those with a part stand for.
func (k *written) stands(part string) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, line := range k.lines {
		if !strings.Contains(line, part) {
			continue
		}
		if m := more.FindStringSubmatch(line); m != nil {
			counted, _ := strconv.Atoi(m[1])
			n += counted
		} else {
			n++
		}
	}
	return n
}

func (k *written) size() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.Len()
}

func counting() (*written, *flood) {
	k := &written{}
	return k, newFlood(slog.NewTextHandler(k, nil))
}

// TestCount: the first are written at once, the others counted, with the time of the
// first and the last of them and what all have in common; nothing is lost.
func TestCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, f := counting()
		log := slog.New(f)
		begun := time.Now()
		for range 1000 {
			log.Warn("connection refused", "reason", "peer_other_user", "uid", 65534, audit.Refusal)
			time.Sleep(time.Millisecond)
		}
		log.With("ms", 7).Info("login signed", "origin", "https://portail.example", audit.Signed)
		if n := k.stands("connection refused"); len(k.all()) > linesAtOnce+3 || n < linesAtOnce {
			t.Errorf("%d lines, %d counted at once", len(k.all()), n)
		}
		time.Sleep(4 * firstSum)
		synctest.Wait()
		if n := k.stands("reason=peer_other_user uid=65534 audit=refusal"); n != 1000 {
			t.Errorf("%d of 1000:\n%s", n, k.text.String())
		}
		i := slices.IndexFunc(k.all(), more.MatchString)
		if i < 0 {
			t.Fatalf("no count in %q", k.all())
		}
		m := more.FindStringSubmatch(k.all()[i])
		first, err1 := time.Parse(time.RFC3339, m[2])
		last, err2 := time.Parse(time.RFC3339, m[3])
		if err1 != nil || err2 != nil || first.Sub(begun) != linesAtOnce*time.Millisecond || last.Sub(begun) < 990*time.Millisecond || last.Sub(begun) > firstSum+10*time.Millisecond {
			t.Errorf("from %s to %s", first.Sub(begun), last.Sub(begun))
		}
		if i = slices.IndexFunc(k.all(), func(line string) bool { return strings.Contains(line, "login signed") }); i < 0 || strings.Contains(k.all()[i], "more=") {
			t.Errorf("the login has no line of its own:\n%s", k.text.String())
		}
		f.close()
	})
}

// TestVaried: whatever an attacker varies, a bounded number of lines stands for all, and
// another kind, another site of the same kind, and each login keep their lines.
func TestVaried(t *testing.T) {
	for name, vary := range map[string]func(log *slog.Logger, i int){
		"the origin": func(log *slog.Logger, i int) {
			log.Warn("request refused", "reason", "origin", "origin", fmt.Sprintf("https://a%d.evil.example", i), "host", "127.0.0.1:27720", "path", "/v1", audit.Refusal)
		},
		"host and path": func(log *slog.Logger, i int) {
			log.Warn("request refused", "reason", "host", "origin", "", "host", fmt.Sprint("h", i), "path", fmt.Sprint("/", i), audit.Refusal)
		},
		"a long origin": func(log *slog.Logger, i int) {
			log.Warn("request refused", "reason", "origin", "origin", fmt.Sprint("https://", i, strings.Repeat("\u202e\x1b[2J\n\xff", 2000)), audit.Refusal)
		},
		"two in turn": func(log *slog.Logger, i int) {
			log.Warn("request refused", "reason", "origin", "origin", fmt.Sprintf("https://%d.example", i%2), audit.Refusal)
		},
		"its user": func(log *slog.Logger, i int) {
			log.Warn("connection refused", "reason", "peer_other_user", "uid", 100000+i, audit.Refusal)
		},
		"the error": func(log *slog.Logger, i int) {
			log.Warn("connection refused", "reason", "peer_unknown", "error", fmt.Errorf("TEST port %d", i), audit.Refusal)
		},
		"busy logins": func(log *slog.Logger, i int) {
			log.With("origin", fmt.Sprintf("https://a%d.evil.example", i), "allowed", false, "ms", i).Info("login failed", "code", 1004, audit.Failed)
		},
		"a line without a mark": func(log *slog.Logger, i int) { log.Info("the state is shown", "n", i) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, f := counting()
				log := slog.New(f)
				const n = 20_000
				for i := range n {
					vary(log, i)
					if i%100 == 0 {
						time.Sleep(time.Second)
					}
				}
				log.Warn("setting not taken", "key", "modules", audit.Setting)
				for range 30 {
					log.With("origin", "https://portail.example", "allowed", true).Info("login signed", "certificate", "TEST", audit.Signed)
				}
				log.With("origin", "https://portail.example", "allowed", true).Info("login failed", "code", 1004, audit.Failed)
				if k.stands("setting not taken") != 1 || k.stands("login signed") != 30 || k.stands("origin=https://portail.example allowed=true code=1004") != 1 {
					t.Errorf("a line was counted that says something else:\n%s", k.text.String())
				}
				f.close()
				if all := k.stands("") - 32; all != n {
					t.Errorf("%d of %d", all, n)
				}
				if k.size() > 256<<10 || strings.ContainsAny(k.text.String(), "\x1b\u202e") || !utf8.ValidString(k.text.String()) {
					t.Errorf("%d bytes", k.size())
				}
				if len(f.kinds) > maxKinds+8 {
					t.Errorf("%d kinds are remembered", len(f.kinds))
				}
				for _, kind := range f.kinds {
					if len(kind.lines) > followed {
						t.Errorf("%d lines are followed", len(kind.lines))
					}
				}
			})
		})
	}
}

// TestSlowFlood: whatever strangers do in two months, as fast or as slow as they like,
// what they write fits into the files of the marked lines with a login of before it.
func TestSlowFlood(t *testing.T) {
	for name, pause := range map[string]func() time.Duration{
		"each second":         func() time.Duration { return time.Second },
		"each twenty minutes": func() time.Duration { return 20 * time.Minute },
		"bursts each hour": func() time.Duration {
			if rand.IntN(200) == 0 {
				return lastSum
			}
			return time.Second
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, f := counting()
				log := slog.New(f)
				reasons := []string{"origin", "host", "path", "method", "subprotocol", "handshake", "body", "target"}
				n := 0
				for end := time.Now().Add(60 * 24 * time.Hour); time.Now().Before(end) && n < 400_000; n++ {
					log.Warn("request refused", "reason", reasons[n%len(reasons)], "origin", fmt.Sprintf("https://a%d.%s", n, strings.Repeat("\x01", 300)), audit.Refusal)
					time.Sleep(pause())
				}
				days := 60
				f.close()
				if k.stands("") != n {
					t.Errorf("%d of %d", k.stands(""), n)
				}
				if most := markedAtOnce + days*markedADay + 64<<10; k.size() > most || most > maxAuditMegabytes*maxAuditOld<<20 {
					t.Errorf("%d bytes of %d; the files hold %d", k.size(), most, maxAuditMegabytes*maxAuditOld<<20)
				}
			})
		})
	}
}

// TestFlush: who is about to read gets the counts as they are, as often as a person
// would ask.
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, f := counting()
		log := slog.New(f)
		total := 0
		for i := range 2 * flushesAtOnce {
			for range 100 {
				log.Warn("connection refused", "reason", "peer_other_user", "uid", 1, audit.Refusal)
				total++
			}
			f.flush()
			if i < flushesAtOnce && k.stands("") != total {
				t.Errorf("%d of %d", k.stands(""), total)
			}
		}
		if len(k.all()) > linesAtOnce+flushesAtOnce {
			t.Errorf("%d lines", len(k.all()))
		}
		f.close()
		if k.stands("") != total {
			t.Errorf("%d of %d", k.stands(""), total)
		}
	})
}

// TestLog: each line stands on standard error and in the log, marked ones in the file of
// their own too, whatever the level; other lines push none of these out.
func TestLog(t *testing.T) {
	dir := t.TempDir()
	var printed written
	l := NewLog(dir, &printed, func(w io.Writer) slog.Handler {
		return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn})
	})
	log := l.Logger()
	log.Info("login signed", "origin", "https://portail.example", audit.Signed)
	log.Debug("TEST debug", audit.Agent)
	log.Warn("setting not taken", "key", "TEST", audit.Setting)
	for i := range 20_000 {
		log.Error("TEST chatter", "reason", i, "n", strings.Repeat("x", 2000))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"stderr": printed.text.String()}
	for _, name := range []string{Name, AuditName} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || !private(info.Mode(), 0o600) {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
		all[name] = string(text)
	}
	for name, want := range map[string][3]bool{"stderr": {false, true, true}, Name: {false, true, true}, AuditName: {true, true, false}} {
		for i, part := range []string{"login signed", "setting not taken", "TEST chatter"} {
			if got := strings.Contains(all[name], part); got != want[i] {
				t.Errorf("%s: %q: %v", name, part, got)
			}
		}
	}
	if strings.Contains(all[AuditName], "TEST debug") {
		t.Error("the audit log has debug lines")
	}
}

// TestAuditRefused: where the file of the marked lines alone cannot be written, the log
// goes on, and that is what is reported; elsewhere the log's own failure.
func TestAuditRefused(t *testing.T) {
	for name, want := range map[string]string{AuditName: AuditRefused, Name: Refused} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		var printed written
		l := NewLog(dir, &printed, func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) })
		l.Logger().Info("TEST line", audit.Agent)
		if file, err := l.Failure(); file != filepath.Join(dir, name) || Reason(err) != want || Reason(Check(dir)) != want || printed.stands(name) != 1 {
			t.Errorf("%s: %s %v, %v\n%s", name, file, err, Check(dir), printed.text.String())
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		other := map[string]string{AuditName: Name, Name: AuditName}[name]
		if text, err := os.ReadFile(filepath.Join(dir, other)); err != nil || !strings.Contains(string(text), "TEST line") {
			t.Errorf("%s: %v %q", other, err, text)
		}
	}
}

// TestBoundedOutput: standard error takes so much a day, and says what it left out.
func TestBoundedOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &written{}
		b := &bounded{w: k}
		line := []byte(strings.Repeat("x", 1023) + "\n")
		const days = 3
		n := 0
		for end := time.Now().Add(days * 24 * time.Hour); time.Now().Before(end); n++ {
			if _, err := b.Write(line); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		b.close()
		lines, said := 0, 0
		for _, l := range k.all() {
			if strings.HasPrefix(l, "x") {
				lines++
			}
			if m := regexp.MustCompile(`lines are missing here" lines=(\d+) `).FindStringSubmatch(l); m != nil {
				missing, _ := strconv.Atoi(m[1])
				said += missing
			}
		}
		if k.size() > printedAtOnce+(days+1)*printedADay || lines < printedAtOnce/1024 || lines+said != n {
			t.Errorf("%d bytes; %d written and %d said to be missing of %d", k.size(), lines, said, n)
		}
		if i := slices.IndexFunc(k.all(), func(l string) bool { return strings.Contains(l, "left out here") }); i < printedAtOnce/1024 || i > printedAtOnce/1024+16 {
			t.Errorf("that it ends is said in line %d", i)
		}
	})
}

// TestSame: groups and attributes refs before count like the others, and values that
// are computed are.
func TestSame(t *testing.T) {
	k, f := counting()
	log := slog.New(f.WithGroup("").WithAttrs([]slog.Attr{slog.Any("by", lazy("TEST"))})).WithGroup("g")
	log.Info("text", "a", 1)
	if !f.Enabled(context.Background(), slog.LevelInfo) || f.Enabled(context.Background(), slog.LevelDebug) || !strings.Contains(k.text.String(), "msg=text by=TEST g.a=1\n") {
		t.Error(k.text.String())
	}
	f.close()
	for range 2 * kindAtOnce {
		log.Info("text", "a", 1)
	}
	if n := len(k.all()); n != 1+2*kindAtOnce {
		t.Errorf("%d lines; what comes after the end is lost", n)
	}
}

type lazy string

func (l lazy) LogValue() slog.Value { return slog.StringValue(string(l)) }

// TestClip: a long value is cut between characters, and its length said.
func TestClip(t *testing.T) {
	for _, c := range []string{"short", strings.Repeat("é", maxValue), strings.Repeat("\x80", 2*maxValue), "x" + strings.Repeat("\U0001F512", maxValue)} {
		got := clip(c)
		if len(c) <= maxValue && got != c || len(c) > maxValue && (!strings.HasSuffix(got, fmt.Sprintf("… (%d bytes)", len(c))) || len(got) > maxValue+24) {
			t.Errorf("%q", got)
		}
	}
}

// TestReferences: a failure's reference makes no line of its own, and is lost in no count:
// the last failure, which a person has before them, can always be found.
func TestReferences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, f := counting()
		log := slog.New(f)
		var refs []string
		fail := func(n int) {
			for range n {
				refs = append(refs, reference.New())
				log.Info("login failed", "code", 1102, "reason", "no_card", "error", "TEST", reference.Key, refs[len(refs)-1], audit.Failed)
			}
		}
		found := func(ref string) (n int) {
			for _, line := range k.all() {
				if slices.Contains(reference.In(line), ref) {
					n++
				}
			}
			return n
		}
		fail(linesAtOnce + maxReferences)
		f.flush()
		for i, ref := range refs {
			if found(ref) != 1 {
				t.Errorf("failure %d has %d lines", i, found(ref))
			}
		}
		if lines := len(k.all()); lines != linesAtOnce+1 {
			t.Errorf("%d lines", lines)
		}
		fail(1) // counted alone, it is a line like any other
		f.flush()
		if lines := k.all(); !strings.Contains(lines[len(lines)-1], " reference="+refs[len(refs)-1]+" ") {
			t.Errorf("%s in %q", refs[len(refs)-1], lines[len(lines)-1])
		}
		fail(1000)
		f.flush()
		for i, ref := range refs[len(refs)-maxReferences:] {
			if found(ref) != 1 {
				t.Errorf("of the last %d number %d has %d lines", maxReferences, i, found(ref))
			}
		}
		if n := k.stands("login failed"); n != len(refs) {
			t.Errorf("the lines stand for %d of %d", n, len(refs))
		}
		f.close()
	})
}
