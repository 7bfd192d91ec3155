// Command screens makes pictures of what the agent shows on a desktop: the icon in
// each state and the menu on a real panel, and every dialog, in both languages.
// `make screens` runs it; docs/desktop.md shows some of the pictures.
//
// It never uses the person's own desktop and leaves nothing running.
package main

import (
	"context"
	"flag"
	"fmt"
	"image"
	"os"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt/window"
	"github.com/cpx-bridge/cpx-bridge/tray"
)

const margin = 12 // around a dialog

// prompter is the agent's prompter on this system.
func prompter() prompt.Prompter {
	return asked{
		Prompter: prompt.New(prompt.Options{Window: window.Command()}),
		pinentry: prompt.NewPinentry(prompt.PinentryOptions{Program: "/usr/bin/pinentry-gtk-2"}),
	}
}

// asked uses a fixed program for the PIN, so that the pictures do not depend on
// what else is installed.
type asked struct {
	prompt.Prompter
	pinentry *prompt.Pinentry
}

func (p asked) PIN(ctx context.Context, lang string, d prompt.PIN) ([]byte, error) {
	if d.PINPad {
		return p.Prompter.PIN(ctx, lang, d)
	}
	return p.pinentry.PIN(ctx, lang, d)
}

func main() {
	tray.RunChildRole()
	window.RunChildRole()
	if len(os.Args) == 2 && os.Args[1] == playerArgument {
		play(os.Stdin, os.Stdout)
		return
	}
	folder := flag.String("dir", filepath.Join("build", "screens"), "where the pictures go")
	docs := flag.String("docs", "", "where those of docs/desktop.md go as well")
	flag.Parse()
	err := captureAll(*folder)
	if err == nil && *docs != "" {
		err = publish(*folder, *docs)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "screens:", err)
		os.Exit(1)
	}
	fmt.Println("pictures:", *folder)
}

// published are the pictures of docs/desktop.md and of the professionals' pages.
var published = []string{
	"icons", "menu-fr-light", "menu-en-dark", "menu-sites-fr-light",
	"dialog-consent-fr", "dialog-always-fr", "dialog-choice-fr", "dialog-insert-fr", "dialog-pin-fr", "dialog-pin-wrong-fr",
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

func captureAll(folder string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	var sheet []*image.RGBA
	for _, dark := range []bool{false, true} {
		icons, err := captureMenus(folder, dark)
		if err != nil {
			return err
		}
		sheet = append(sheet, beside(icons))
	}
	if err := save(below(sheet), folder, "icons"); err != nil {
		return err
	}
	return captureDialogs(folder)
}
