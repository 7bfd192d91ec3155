package wintable

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/cells"
)

// played are events as go test -json prints them.
const played = `{"Action":"start","Package":"m/a"}
{"Action":"run","Package":"m/a","Test":"TestRows"}
{"Action":"output","Package":"m/a","Test":"TestRows","Output":"=== RUN   TestRows\n"}
{"Action":"run","Package":"m/a","Test":"TestRows/386/card_pulled"}
{"Action":"output","Package":"m/a","Test":"TestRows/386/card_pulled","Output":"    rows_test.go:12: got: wrong\n"}
{"Action":"fail","Package":"m/a","Test":"TestRows/386/card_pulled"}
{"Action":"run","Package":"m/a","Test":"TestRows/386/quit"}
{"Action":"output","Package":"m/a","Test":"TestRows/386/quit","Output":"    rows_test.go:15: there is no Node for 386\n"}
{"Action":"skip","Package":"m/a","Test":"TestRows/386/quit"}
{"Action":"pass","Package":"m/a","Test":"TestRows/quit"}
{"Action":"fail","Package":"m/a","Test":"TestRows"}
{"Action":"run","Package":"m/a","Test":"TestKilled"}
{"Action":"output","Package":"m/a","Output":"FAIL\n"}
{"Action":"fail","Package":"m/a"}
{"ImportPath":"m/b [m/b.test]","Action":"build-output","Output":"b.go:1: no such thing\n"}
{"ImportPath":"m/b [m/b.test]","Action":"build-fail"}
{"Action":"start","Package":"m/b"}
{"Action":"fail","Package":"m/b","FailedBuild":"m/b [m/b.test]"}
{"Action":"start","Package":"m/c"}
{"Action":"output","Package":"m/c","Output":"?   \tm/c\t[no test files]\n"}
{"Action":"skip","Package":"m/c"}
{"Action":"skip","Package":"m/d","Test":"TestOther"}
{"Action":"pass","Package":"m/d"}
{"Action":"pass","Package":"m/e","Test":"TestGood"}
{"Action":"pass","Package":"m/e"}
`

// TestEvents: what did not run, or not to its end, or was not built, has not passed.
func TestEvents(t *testing.T) {
	var got []string
	all := map[string]Tested{}
	err := ReadEvents(strings.NewReader(played), func(p Tested) {
		got = append(got, fmt.Sprint(p.Package, " ", p.State))
		all[p.Package] = p
	})
	want := fmt.Sprintf("[m/a %d m/b %d m/c %d m/d %d m/e %d]", cells.Failed, cells.Failed, cells.NotTried, cells.NotTried, cells.Passed)
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v, want %s", got, err, want)
	}
	a, b, d := all["m/a"], all["m/b"], all["m/d"]
	if !strings.Contains(b.Failure(), "no such thing") {
		t.Errorf("the compiler's words are lost: %q", b.Failure())
	}
	if text := a.Failure(); !strings.Contains(text, "got: wrong") {
		t.Errorf("%q", text)
	}
	if skipped := d.Skipped(); len(skipped) != 1 || skipped["TestOther"] == "" {
		t.Errorf("%v", skipped)
	}
	var rows []string
	for _, r := range a.rows() {
		rows = append(rows, fmt.Sprintf("%s/%s %d", r.Case, r.Column, r.State))
	}
	if got, want := strings.Join(rows, ", "), fmt.Sprintf("card pulled/386 %d, quit/386 %d, quit/amd64 %d, TestKilled/amd64 %d", cells.Failed, cells.NotTried, cells.Passed, cells.Failed); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if why := a.rows()[1].Why; why != "there is no Node for 386" {
		t.Errorf("%q", why)
	}
	if err := ReadEvents(strings.NewReader("no JSON\n"), func(Tested) {}); err == nil {
		t.Error("what is no event passes")
	}
}
