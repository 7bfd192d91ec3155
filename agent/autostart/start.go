package autostart

import (
	"runtime"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// HowToStart tells a person how this program is started here: by what there really is. It is
// for a program that does not run, or is about to end.
func HowToStart(lang, program string) string {
	say := texts.In(lang)
	text := say.Text("autostart.start_program", withoutConsole(program))
	if menu, err := Menu(); err == nil && menu.Enabled {
		if runtime.GOOS == "windows" {
			text = say.Text("autostart.start_menu_windows")
		} else {
			text = say.Text("autostart.start_menu")
		}
	}
	if login, err := Get(); err == nil && login.Enabled {
		return text + "\n" + say.Text("autostart.next_login")
	}
	return text + "\n" + say.Text("autostart.no_login")
}
