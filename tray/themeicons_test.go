package tray

import (
	"bytes"
	"encoding/xml"
	"flag"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the icons under packaging/")

// TestThemeIcons: packages install the icon that is drawn here, each size as its folder says,
// and nothing else.
func TestThemeIcons(t *testing.T) {
	const folder = "../packaging/linux/icons/hicolor"
	icons := ThemeIcons()
	for path, want := range icons {
		file := filepath.Join(folder, path)
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what is drawn (go test ./tray -run TestThemeIcons -update): %v", file, err)
		}
		size, _, _ := strings.Cut(path, "x")
		if strings.HasSuffix(path, ".svg") {
			if err := xml.Unmarshal(want, new(struct{ XMLName xml.Name })); err != nil {
				t.Error(err)
			}
			continue
		}
		picture, err := png.DecodeConfig(bytes.NewReader(want))
		if dir := filepath.Dir(filepath.Dir(path)); err != nil || picture.Width != picture.Height || dir != size+"x"+size || !strings.HasPrefix(path, strings.TrimSpace(dir)) {
			t.Errorf("%s: %+v %v", path, picture, err)
		}
	}
	_ = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(folder, path)
		if err != nil || !e.IsDir() && icons[filepath.ToSlash(name)] == nil {
			t.Errorf("%s is none of ours: %v", path, err)
		}
		return nil
	})
}
