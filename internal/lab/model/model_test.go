package model

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// search builds and checks a variant, and says what it took.
func search(t *testing.T, v Variant, formulas ...string) []Result {
	t.Helper()
	verifier, err := Build(t.Context(), t.TempDir(), v)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Liveness {
		formulas = []string{""}
	}
	var results []Result
	for _, formula := range formulas {
		r, err := verifier.Check(t.Context(), formula)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v %s: %.0f states, %.0f MB, %.1f s, %d errors", v.Define, formula, r.States, r.MB, r.Seconds, r.Errors)
		results = append(results, r)
	}
	return results
}

func holds(t *testing.T, v Variant, formulas ...string) (unreached []string) {
	t.Helper()
	for _, r := range search(t, v, formulas...) {
		if r.Errors > 0 {
			t.Errorf("%v: %s\n%s", v.Define, r.First, r.Output)
		}
		unreached = r.Unreached
	}
	return unreached
}

// TestTwoRequests: in every order of events of an allowed site's request and a
// stranger's, each property holds.
func TestTwoRequests(t *testing.T) {
	t.Run("assertions", func(t *testing.T) {
		t.Parallel()
		reached(t, holds(t, Variant{}), needsThree)
	})
	t.Run("allowed_ends", func(t *testing.T) {
		t.Parallel()
		holds(t, Variant{Liveness: true}, "allowed_ends")
	})
	t.Run("rest", func(t *testing.T) {
		t.Parallel()
		holds(t, Variant{Define: []string{"QUIET"}, Liveness: true}, "rest")
	})
}

// never matches what no search reaches: the ends of processes that go on for ever, and
// what stands there for the rest alone.
var never = regexp.MustCompile(`: (-end-|quiet = 1|\(1\))$`)

// needsThree matches what needs a third request: a place that is taken, a request that
// waits for one of its own site.
var needsThree = regexp.MustCompile(`(first|others)\?\?eval\(n\)|\(\(n<1\)\)|else`)

// reached fails where a statement was never reached that none of these expressions
// matches: a model in which something cannot happen holds whatever is asked of it.
func reached(t *testing.T, unreached []string, but *regexp.Regexp) {
	t.Helper()
	for _, s := range unreached {
		if !never.MatchString(s) && (but == nil || !but.MatchString(s)) {
			t.Errorf("never reached: %s", s)
		}
	}
}

// mutants are the model broken in one place, and the words of the assertion that must
// find it.
var mutants = []struct {
	what, found string
	liveness    string
}{
	1:  {"one line's places for all", "len(first)==1", ""},
	2:  {"strangers come first", "(n<1)||(q_len(first)==0)", ""},
	3:  {"a PIN for a site that nobody agreed to", "agreed", ""},
	4:  {"a token that was ready when the cancel came is sent", "taken_back", ""},
	5:  {"the card in a new session is not looked at", "session", ""},
	6:  {"an entry is used once more after a wrong PIN", "job_entry", ""},
	7:  {"the cancel is looked at before the key is, not after", "job_over", ""},
	8:  {"the card is left open", "open_card", ""},
	9:  {"a dialog opens beside another", "dialog", ""},
	10: {"a request has no time limit", "acceptance cycle", "allowed_ends"},
	11: {"the question after a login stands until somebody wants the lease", "acceptance cycle", "rest"},
}

// TestMutants: each property is found broken where it is.
func TestMutants(t *testing.T) {
	for n, m := range mutants {
		if n == 0 {
			continue
		}
		t.Run(m.what, func(t *testing.T) {
			t.Parallel()
			v := Variant{Define: []string{"MUTANT " + strconv.Itoa(n)}, Quick: true, Liveness: m.liveness != ""}
			if m.liveness == "rest" {
				v.Define = append(v.Define, "QUIET")
			}
			r := search(t, v, m.liveness)[0]
			if r.Errors == 0 || !strings.Contains(r.First, m.found) {
				t.Errorf("%d errors: %q, want one of %q", r.Errors, r.First, m.found)
			}
		})
	}
}

// TestEveryMutant: the list above is the model's.
func TestEveryMutant(t *testing.T) {
	in := map[string]bool{}
	for _, m := range regexp.MustCompile(`MUTANT [!=]= (\d+)`).FindAllStringSubmatch(source, -1) {
		in[m[1]] = true
	}
	for n := range mutants {
		if n > 0 && !in[strconv.Itoa(n)] {
			t.Errorf("the model has no mutant %d", n)
		}
		delete(in, strconv.Itoa(n))
	}
	if len(in) > 0 {
		t.Errorf("mutants that no test plays: %v", in)
	}
}

// TestThreeRequests needs minutes.
func TestThreeRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("three requests take minutes: make model")
	}
	variants := [][]string{
		{"PAGES 3"},
		{"PAGES 3", "DOMAIN(i) ((i) == 2 -> 1 : (i))"},
		{"PAGES 3", "ALLOWED 2", "DOMAIN(i) ((i) == 1 -> 0 : (i))"},
	}
	var missing []string
	for i, define := range variants {
		unreached := holds(t, Variant{Define: define, Deep: true})
		if i == 0 {
			missing = unreached
		}
		missing = slices.DeleteFunc(missing, func(s string) bool { return !slices.Contains(unreached, s) })
	}
	reached(t, missing, nil)
	holds(t, Variant{Liveness: true}, "all_end")
}

// TestStepsAreLogged: the agent logs each step of the model.
func TestStepsAreLogged(t *testing.T) {
	var code string
	for _, file := range []string{"trace.go", "queue.go", "attempt.go", "sign.go", "always.go"} {
		text, err := os.ReadFile("../../../agent/login/" + file)
		if err != nil {
			t.Fatal(err)
		}
		code += string(text)
	}
	text, err := os.ReadFile("../../../pkcs11/step.go")
	if err != nil {
		t.Fatal(err)
	}
	code += string(text)
	if len(Steps()) < 30 {
		t.Errorf("%d steps: %v", len(Steps()), Steps())
	}
	for _, step := range Steps() {
		if !strings.Contains(code, `"`+step+`"`) {
			t.Errorf("%s is logged nowhere", step)
		}
	}
}
