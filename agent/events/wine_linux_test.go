package events

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs in wine what this package does otherwise on Windows. wine keeps no event
// log, and prints what is reported to it where it is asked to: type, number, and each text.
func TestWindows(t *testing.T) {
	w := winetest.New(t, "WINEDEBUG=-all,fixme+advapi,+eventlog")
	out := w.Run(winetest.BuildTest(t, "."), "-test.run=^(TestReached|TestReported)$", "-test.v", "-test.timeout=3m")
	winetest.Passed(t, out, "TestReached", "TestReported")
	if !strings.Contains(out, `RegisterEventSourceW ((null),L"CPxBridge")`) {
		t.Errorf("no source:\n%s", out)
	}
	severity := map[string]int{"ERROR": 1, "WARN": 2, "INFO": 4}
	for _, k := range Kinds {
		_, of, found := strings.Cut(out, fmt.Sprintf(",0x%04x,0x0000,0x%08x,", severity[k.Level.String()], k.Number))
		of, _, _ = strings.Cut(of, "ReportEventW (")
		for _, part := range []string{"[" + k.Name + ` reason=host more=7]"`, `L"event=` + k.Name + `"`, `L"reason=host"`, `L"more=7"`} {
			if !found || !strings.Contains(of, part) {
				t.Errorf("%d has no %s:\n%s", k.Number, part, of)
			}
		}
	}
}
