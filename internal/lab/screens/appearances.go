package main

import "slices"

// appearance is how a desktop may show dialogs. Its variables are those that a person's desktop
// sets, or that people set.
type appearance struct {
	name    string // "" for the usual one
	size    string // of the screen
	env     map[string]string
	wayland bool
	few     bool // only the dialogs of which each shows something that no other does
}

// usual is the name of the usual appearance for people.
const usual = "light"

var appearances = []appearance{
	{size: "1000x700"},
	{name: "dark", size: "1000x700", env: map[string]string{"GTK_THEME": "Adwaita:dark"}, few: true},
	{name: "contrast", size: "1000x700", env: map[string]string{"GTK_THEME": "HighContrast"}, few: true},
	{name: "contrast-inverse", size: "1000x700", env: map[string]string{"GTK_THEME": "HighContrastInverse"}, few: true},
	{name: "scale-200", size: "1920x1080", env: map[string]string{"GDK_SCALE": "2"}, few: true},
	{name: "letters-200", size: "1920x1080", env: map[string]string{"GDK_DPI_SCALE": "2"}, few: true},
	{name: "wayland", size: "1000x700", wayland: true, few: true},
}

// few are the dialogs for the appearances that are not the usual one.
var few = []string{"consent", "consent-longest", "choice", "pin", "pin-wrong-last", "pin-long", "pin-short", "pin-caps", "pin-busy", "state-no-card", "state-failed"}

func (a appearance) shows(each dialog) bool {
	moves := a.wayland && each.name == "pin-busy" // there GTK asks the desktop whether things move
	return (!a.few || slices.Contains(few, each.name)) && !moves
}

// suffix is what the appearance adds to a picture's name.
func (a appearance) suffix() string {
	if a.name == "" {
		return ""
	}
	return "-" + a.name
}
