package autostart

// Menu says that there is no entry: on macOS the program itself stands among the applications.
func Menu() (State, error) { return State{}, nil }

// AddToMenu fails with ErrNoMenu.
func AddToMenu(string, map[string][]byte) error { return ErrNoMenu }

// RemoveFromMenu has nothing to remove.
func RemoveFromMenu(map[string][]byte) error { return nil }
