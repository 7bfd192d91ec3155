package language

import "testing"

// TestSystemLanguages: Windows names at least one, which Desktop understands.
func TestSystemLanguages(t *testing.T) {
	names := systemLanguages()
	if len(names) == 0 || len(names[0]) < 2 {
		t.Fatalf("%q", names)
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		t.Setenv(name, "")
	}
	want := Match(names[0])
	if want == "" {
		want = English
	}
	if got := Desktop(); got != want {
		t.Errorf("%q where Windows speaks %q", got, names)
	}
}
