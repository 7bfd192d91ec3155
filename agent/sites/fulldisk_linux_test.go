package sites

import (
	"path/filepath"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/asroot"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fulldisk"
)

// TestFullDisk: on a full disk nothing is added and nothing forgotten, which the error
// says; the list stays as it was, and once there is room both work.
func TestFullDisk(t *testing.T) {
	if !asroot.Here(t) {
		return
	}
	d, _ := withKeyring(t, "")
	disk := fulldisk.New(t, filepath.Dir(d.dir))
	const one, two = "https://un.example.fr", "https://deux.example.fr"
	d.want(nil, []string{one}, "add", one)
	if err := disk.Fill(); err != nil {
		t.Fatal(err)
	}
	d.want(ErrNoSpace, nil, "add", two)
	d.want(ErrNoSpace, nil, "forget", one)
	d.want(nil, []string{one}, "list")
	if err := disk.Free(); err != nil {
		t.Fatal(err)
	}
	d.want(nil, []string{one, two}, "add", two)
	d.want(nil, []string{two}, "forget", one)
}
