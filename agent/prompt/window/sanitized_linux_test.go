package window

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// sanitized builds the window's process with what the compiler has against misuse of
// memory, and with files of the product replaced by others.
func sanitized(t *testing.T, replaced map[string]string) (program string) {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds for minutes: make fuzz runs it")
	}
	dir := t.TempDir()
	program = filepath.Join(dir, "window")
	args := []string{"build", "-asan", "-o", program}
	if len(replaced) > 0 {
		files, err := json.Marshal(map[string]any{"Replace": replaced})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "overlay.json")
		if err := os.WriteFile(file, files, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-overlay", file)
	}
	cmd := exec.Command("go", append(args, "../../../internal/lab/windowprogram")...)
	const c = "-g -O1 -fno-omit-frame-pointer -fsanitize=undefined -fno-sanitize-recover=undefined"
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "CGO_CFLAGS="+c, "CGO_LDFLAGS=-fsanitize=undefined")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// demand is one request, and the keys that a person presses on it; without any it is of
// a window that passes, or the agent's end closes as soon as the request is sent.
type demand struct {
	request []byte
	keys    []string
	closes  bool
}

func encoded(t *testing.T, r dialog.Request) []byte {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func hostileRequests(t *testing.T) map[string]demand {
	cancel := []dialog.Button{{Label: "_Non", Answer: dialog.Cancel, Default: true}}
	request := func(change func(*dialog.Request)) []byte {
		r := dialog.Request{Title: "TEST", Site: "site", Origin: "https://a.example.fr", Domain: "example.fr", Program: "p", Text: "q", Buttons: cancel}
		change(&r)
		return encoded(t, r)
	}
	const strange = "\x00%s%n\u202e\u2066<b>&amp;\U0001F468\u200d\U0001F469e\u0301\u0301\u0301\u0301\ufffd\ufffe\uffff__"
	long := strings.Repeat(strange+"é", 40) // the agent's own bound is 20,000 characters
	rows := make([]dialog.Row, 40)
	holders := make([]string, 10)
	for i := range rows {
		rows[i] = dialog.Row{Name: strange + fmt.Sprint(i), Detail: long[:i], Note: strange, Spoken: strange}
	}
	for i := range holders {
		holders[i] = fmt.Sprint("TEST ", i, strange)
	}
	passing := func(change func(*dialog.Request)) demand {
		return demand{request: request(func(r *dialog.Request) {
			r.Passes, r.Buttons, r.Quiet = true, nil, 1
			change(r)
		})}
	}
	pressed := func(keys string, change func(*dialog.Request)) demand {
		return demand{request: request(change), keys: strings.Fields(keys)}
	}
	closed := func(text []byte) demand { return demand{request: text, closes: true} }
	return map[string]demand{
		"all parts": pressed("Tab Tab Down Up Return", func(r *dialog.Request) {
			r.Holder, r.Alerts, r.Rows, r.Body = []string{"a", "b"}, []string{"c", "d"}, []dialog.Row{{Name: "n", Detail: "d", Note: "o", Spoken: "s"}}, "body"
		}),
		"strange texts": pressed("Escape", func(r *dialog.Request) {
			r.Site, r.Origin, r.Program, r.Text = strange, "https://"+strange+"example.fr", strange, strange
			r.Holder, r.Alerts, r.Buttons = []string{strange, strange}, []string{strange}, []dialog.Button{{Label: strange, Done: strange, Answer: strange}, {Answer: dialog.Cancel}}
		}),
		"long texts": passing(func(r *dialog.Request) {
			r.Title, r.Site, r.Origin, r.Domain, r.Program, r.Text, r.Body = long, long, long, "é", long, long, long
			r.Holder, r.Alerts = []string{long}, []string{long}
		}),
		"many rows and holders": passing(func(r *dialog.Request) { r.Rows, r.Holder, r.Alerts = rows, holders, holders }),
		"many buttons":          passing(func(r *dialog.Request) { r.Buttons = buttonsOf(200) }),
		"copied": pressed("Tab space space Escape", func(r *dialog.Request) {
			r.Body, r.Buttons = strange, []dialog.Button{{Label: "Copy", Done: strange, Answer: dialog.Copy, Default: true}}
		}),
		"a PIN that is too short, corrected": pressed("1 2 Return 3 BackSpace Left 4 5 KP_6 Home Delete ctrl+v Return Escape", func(r *dialog.Request) {
			r.Final, r.Wrong, r.Entry = strange, strange, &dialog.Entry{Least: 7, Most: 8, Length: strange, Typed: strange, Early: strange, CapsLock: strange}
		}),
		"a PIN of all that there is room for": pressed(strings.Repeat("eacute ", 70)+"ctrl+a 1 Return Escape", func(r *dialog.Request) {
			r.Entry = &dialog.Entry{Least: 2, Most: 1 << 40}
		}),
		"a request after the other": {request: slices.Concat(
			request(func(r *dialog.Request) { r.ID, r.Entry = 1, &dialog.Entry{} }), []byte("\n"),
			request(func(r *dialog.Request) { r.ID, r.Entry = 2, &dialog.Entry{Continues: true} }), []byte("\n"),
			request(func(r *dialog.Request) { r.ID, r.Busy, r.Rows = 3, true, rows }), []byte("\n"),
			request(func(r *dialog.Request) { r.ID, r.Body = 4, long }), []byte("\n"),
			request(func(r *dialog.Request) { r.ID, r.Entry = 5, &dialog.Entry{Continues: true} }),
		), keys: strings.Fields("1 Escape")},
		"copied without a body": pressed("Return space Escape", func(r *dialog.Request) {
			r.Buttons = []dialog.Button{{Label: "Copy", Answer: dialog.Copy, Default: true}}
		}),
		"an answer that is none": pressed("Return", func(r *dialog.Request) {
			r.Buttons = []dialog.Button{{Label: "x", Answer: "never heard of", Default: true}}
		}),
		"a domain that is not there": passing(func(r *dialog.Request) { r.Domain = "evil.example" }),
		"quiet less than nothing":    pressed("Escape", func(r *dialog.Request) { r.Quiet = -1 << 40 }),
		"not UTF-8":                  {request: bytes.ReplaceAll(passing(func(r *dialog.Request) { r.Text = "BAD" }).request, []byte("BAD"), []byte("\xff\xc3\x28\xf0\x9f"))},
		"quiet for ever":             closed(request(func(r *dialog.Request) { r.Quiet = 1 << 40 })),
		"closed at once":             closed(request(func(*dialog.Request) {})),
		"no text at all":             closed([]byte(`{"buttons":[{}]}`)),
		"not JSON":                   closed([]byte("{\"title\":")),
		"no buttons":                 closed([]byte(`{"title":"TEST"}`)),
	}
}

func buttonsOf(n int) (buttons []dialog.Button) {
	for i := range n {
		buttons = append(buttons, dialog.Button{Label: fmt.Sprint("_", i), Answer: dialog.OK, Default: true})
	}
	return buttons
}

// TestSanitized: whatever the window's process is asked, its own code misuses no memory,
// does nothing that C leaves undefined, calls the toolkit as it must be called and
// leaks nothing.
func TestSanitized(t *testing.T) {
	program := sanitized(t, nil)
	s := screen(t)
	for name, h := range hostileRequests(t) {
		t.Run(name, func(t *testing.T) {
			s.T = t
			report, err := put(t, program, h, s)
			var ended *exec.ExitError
			if err != nil && (!errors.As(err, &ended) || ended.ExitCode() < 0) {
				t.Errorf("it ended with %v", err)
			}
			for _, fault := range faults(report) {
				t.Error(fault)
			}
		})
	}
}

// TestSanitizedSeesAnOverflow: a fault that is put into the window's code is seen.
func TestSanitizedSeesAnOverflow(t *testing.T) {
	source, err := filepath.Abs("question_linux.c")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	const sound = "cpx.question = cpx_wrapped("
	for name, c := range map[string]struct{ planted, want string }{
		"on the stack":   {"char few[8]; volatile size_t n = strlen(text) + 1; memcpy(few, text, n); cpx.row = few[0]; ", "stack-buffer-overflow"},
		"on the heap":    {"char *few = g_malloc(4); volatile size_t n = strlen(text) + 1; memcpy(few, text, n); cpx.row = few[0]; g_free(few); ", "heap-buffer-overflow"},
		"undefined":      {"volatile int most = 0x7fffffff; most += text[0]; ", "signed integer overflow"},
		"lost":           {"volatile char *lost = g_strdup(text); lost = NULL; (void)lost; ", "leaks: "},
		"a wrong widget": {"gtk_label_set_text((GtkLabel *)cpx.window, text); ", "CRITICAL"},
	} {
		t.Run(name, func(t *testing.T) {
			replaced := filepath.Join(t.TempDir(), "question_linux.c")
			if err := os.WriteFile(replaced, []byte(strings.Replace(string(text), sound, c.planted+sound, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			program := sanitized(t, map[string]string{source: replaced})
			s := screen(t)
			h := demand{request: []byte(`{"title":"TEST","text":"longer than eight letters","passes":true,"quiet":1}`)}
			report, _ := put(t, program, h, s)
			if found := faults(report); len(found) == 0 || !strings.Contains(strings.Join(found, "\n"), c.want) {
				t.Errorf("found %q, want %s, in: %s", found, c.want, report)
			}
		})
	}
}

// put asks the program a question, and returns what it prints on its standard error.
func put(t *testing.T, program string, h demand, s *testdesktop.Screen) (report string, err error) {
	t.Helper()
	cmd := exec.Command(program, string(role.DialogWindow))
	// Each piece of memory by itself; whole stacks, to tell whose a leak is.
	cmd.Env = append(os.Environ(), "G_SLICE=always-malloc", "ASAN_OPTIONS=detect_leaks=1:fast_unwind_on_malloc=0:exitcode=99", "NO_AT_BRIDGE=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(in, bytes.NewReader(append(h.request, '\n'))) // it may have ended before all is read
	switch {
	case h.closes:
		_ = in.Close()
	case len(h.keys) > 0:
		window := s.Ready("^TEST$")
		s.Do("windowfocus", "--sync", window)
		s.Do(append([]string{"key", "--clearmodifiers"}, h.keys...)...)
	}
	if !h.closes { // it stands after its answer, until the agent ends it
		_, _ = bufio.NewReader(out).ReadString('\n')
		_ = in.Close()
	}
	err = cmd.Wait()
	_ = in.Close()
	return stderr.String(), err
}

// A leak is the window's own where one of its functions called what allocates, or what
// makes one of the toolkit's parts: at most six calls above the allocation. fontconfig and
// GTK keep for the life of the process what they read once, far below any call.
var (
	ownLeak  = regexp.MustCompile(`#[1-6] 0x\w+ in (?:cpx_\w+|copy_body|on_\w+|site_line|scrolled|label|add|show|widen|leave_list|stop|note|new_entry|new_window|report|insert_text|delete_text|get_text|focus) `)
	leak     = regexp.MustCompile(`(?s)Direct leak of .*?\n\n`)
	critical = regexp.MustCompile(`.*-CRITICAL \*\*.*`)
)

// faults are what the sanitizers and the toolkit report of the window's own code.
func faults(report string) (found []string) {
	for line := range strings.Lines(report) {
		if strings.Contains(line, "ERROR: AddressSanitizer") || strings.Contains(line, "runtime error:") || strings.Contains(line, "panic:") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	found = append(found, critical.FindAllString(report, -1)...)
	for _, l := range leak.FindAllString(report, -1) {
		if ownLeak.MatchString(l) {
			found = append(found, "leaks: "+l)
		}
	}
	return found
}
