package window

import (
	"context"
	"image/png"
	"os"
	"strings"
	"testing"
)

// pictureVariable names a file for a picture of the window, for people.
const pictureVariable = "CPX_TEST_PICTURE"

// TestLongTextIsWide: a window with a long text is wide enough for its lines, within
// the screen; a question's is not.
func TestLongTextIsWide(t *testing.T) {
	s := screen(t)
	s.Manage()
	line := "  80eb8275bc47  CAMILLE TEST-CPS0001  899700070016  (CPS, Pharmacien, 25/11/2029, utilisable) ← prochaine connexion\n"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- dialogs().Show(ctx, "fr", "CPx Bridge", "Certificats :\n"+strings.Repeat(line, 12)) }()
	window := s.Ready(dialogTitle)
	if width, height := s.Size(window); width < 750 || width > 900 || height < 450 || height > 600 { // of 900 x 600
		t.Errorf("%d x %d", width, height)
	}
	if file := os.Getenv(pictureVariable); file != "" {
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, s.Picture(window)); err != nil {
			t.Error(err)
		}
		_ = f.Close()
	}
	s.Do("windowactivate", "--sync", window, "key", "Escape")
	if err := <-done; err != nil {
		t.Error(err)
	}
	s.Gone(dialogTitle)
	a := begin(ctx, dialogs(), question("consent", "fr"))
	if width, _ := s.Size(s.Ready(dialogTitle)); width > 600 {
		t.Errorf("a question is %d wide", width)
	}
	a.cancel()
	<-a.answer
}
