// Command screens makes pictures of what the agent shows on a desktop: the icon in
// each state and the menu on a real panel, and every dialog, in both languages, light,
// dark, with high contrast, at 200 % and on Wayland; index.html in their folder shows all
// of them. `make screens` runs it; docs/desktop.md shows some of the pictures.
//
// It never uses the person's own desktop and leaves nothing running.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/window"
	"github.com/cpx-bridge/cpx-bridge/tray"
)

const margin = 12 // around a dialog

func main() {
	tray.RunChildRole()
	window.RunChildRole()
	if len(os.Args) == 2 && os.Args[1] == playerArgument {
		play(os.Stdin, os.Stdout)
		return
	}
	folder := flag.String("dir", filepath.Join("build", "screens"), "where the pictures go")
	docs := flag.String("docs", "", "where those of docs/desktop.md go as well")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: screens [-dir FOLDER] [-docs FOLDER] [PART...]\n\nPART is menu, light, or one of dark, contrast, contrast-inverse, scale-200, letters-200, wayland; default: all")
		flag.PrintDefaults()
	}
	flag.Parse()
	err := captureAll(*folder, flag.Args())
	if err == nil && *docs != "" {
		err = publish(*folder, *docs)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "screens:", err)
		os.Exit(1)
	}
	fmt.Println("pictures, all in one page:", filepath.Join(*folder, sheetName))
}

// published are the pictures of docs/desktop.md and of the professionals' pages.
var published = []string{
	"icons", "menu-fr-light", "menu-en-dark", "menu-sites-fr-light", "menu-upgraded-fr-light",
	"dialog-consent-fr", "dialog-always-fr", "dialog-choice-fr", "dialog-insert-fr", "dialog-pin-fr", "dialog-pin-wrong-fr", "dialog-pin-last-fr",
	"dialog-consent-en", "dialog-pin-en",
}

func publish(from, to string) error {
	for _, name := range published {
		picture, err := os.ReadFile(filepath.Join(from, name+".png"))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, "desktop-"+name+".png"), picture, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// captureAll makes all pictures, or adds those of some parts: "menu", and appearances by name.
func captureAll(folder string, parts []string) error {
	if len(parts) == 0 {
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	wanted := func(part string) bool { return len(parts) == 0 || slices.Contains(parts, part) }
	if wanted("menu") {
		if err := captureIconsAndMenus(folder); err != nil {
			return err
		}
	}
	for _, a := range appearances {
		if !wanted(cmp.Or(a.name, usual)) {
			continue
		}
		if err := captureDialogs(folder, a); err != nil {
			return err
		}
	}
	return writeSheet(folder)
}

func captureIconsAndMenus(folder string) error {
	var sheet []*image.RGBA
	for _, dark := range []bool{false, true} {
		icons, err := captureMenus(folder, dark)
		if err != nil {
			return err
		}
		sheet = append(sheet, beside(icons))
	}
	return save(below(sheet), folder, "icons")
}
