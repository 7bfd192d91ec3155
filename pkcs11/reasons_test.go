package pkcs11

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestReasons: the list that others are compared with is the whole of it.
func TestReasons(t *testing.T) {
	source, err := os.ReadFile("pkcs11.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []Reason
	for _, m := range regexp.MustCompile(`(?m)^\t\w+\s+Reason = "(\w+)"`).FindAllSubmatch(source, -1) {
		want = append(want, Reason(m[1]))
	}
	if got := Reasons(); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("listed %q, declared %q", got, want)
	}
}
