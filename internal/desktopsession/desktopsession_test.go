package desktopsession

import "testing"

// TestRelation: two sessions are distinguished only where the system does, and a screen that both
// have is one session's, whatever else is said.
func TestRelation(t *testing.T) {
	own := Session{scope: "3", login: "3", screens: []string{":10", "/run/user/1000/wayland-0"}, read: true}
	screen := func(names ...string) []string { return names }
	for name, c := range map[string]struct {
		other Session
		want  Relation
	}{
		"the same":                               {own, Same},
		"a service of the person's, same screen": {Session{screens: screen(":10"), read: true}, Same},
		"one of the screens":                     {Session{scope: "4", login: "4", screens: screen("/run/user/1000/wayland-0"), read: true}, Same},
		"a screen in a window":                   {Session{scope: "3", login: "3", screens: screen(":99"), read: true}, Same},
		"closed, the same scope":                 {Session{scope: "3"}, Same},
		"another session":                        {Session{scope: "4", login: "4", screens: screen(":11"), read: true}, Other},
		"another session by its scope":           {Session{scope: "c4", screens: screen(":11"), read: true}, Other},
		"another login":                          {Session{login: "7", screens: screen(":11"), read: true}, Other},
		"closed, another scope":                  {Session{scope: "4"}, Other},
		"over ssh":                               {Session{scope: "4", login: "4", read: true}, Offscreen},
		"of the service manager, other screen":   {Session{screens: screen(":11"), read: true}, Apart},
		"the same login, other screen":           {Session{login: "3", screens: screen(":11"), read: true}, Apart},
		"the same login, closed":                 {Session{login: "3"}, Unknown},
		"nothing":                                {Session{}, Unknown},
	} {
		if got := own.Relation(c.other); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
		if got := c.other.Relation(own); got != c.want {
			t.Errorf("%s, the other way: %d, want %d", name, got, c.want)
		}
	}
	closed := Session{scope: "4", login: "4"}
	if got := own.Relation(closed.WithScreens(own.Screens())); got != Same {
		t.Errorf("a process that says itself where it is: %d", got)
	}
}
