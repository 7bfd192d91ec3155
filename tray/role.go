package tray

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/getlantern/systray"

	"github.com/cpx-bridge/cpx-bridge/internal/garbage"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// RunChildRole makes this program the process of the menu where its arguments say so,
// and then never returns. A program that calls Run must call it first in main, from the
// main goroutine.
func RunChildRole() {
	if _, asked := role.TrayMenu.Asked(0, 0); !asked {
		return
	}
	garbage.Rule()
	in, out, err := role.Ends()
	if err != nil {
		os.Exit(role.ExitMisused)
	}
	if !initToolkit() {
		os.Exit(role.ExitNoDisplay)
	}
	m := &menu{out: json.NewEncoder(out)}
	// The menu is there before the icon, so that it is never seen empty.
	views := make(chan view)
	go receive(in, views)
	first, ok := <-views
	if !ok {
		os.Exit(role.ExitDone)
	}
	systray.Run(func() {
		m.build(first)
		go func() {
			for v := range views {
				m.show(v)
			}
			end()
		}()
	}, func() {})
	exit()
}

// end ends the process, even where the toolkit does not.
func end() {
	systray.Quit()
	time.Sleep(endLimit / 2)
	exit()
}

// exit removes the folder of the icons too: an agent that was killed could not.
func exit() {
	if folder := os.Getenv("TMP"); strings.HasPrefix(filepath.Base(folder), folderPrefix) {
		_ = os.RemoveAll(folder)
	}
	os.Exit(role.ExitDone)
}

// receive passes on the newest menu. It always reads: the agent must not wait for a
// slow toolkit.
func receive(in io.Reader, views chan<- view) {
	var mu sync.Mutex
	var last *view
	came := make(chan struct{}, 1)
	go func() {
		defer close(came)
		for lines := bufio.NewReader(in); ; {
			line, err := lines.ReadBytes('\n')
			var v view
			if err != nil || json.Unmarshal(line, &v) != nil {
				return
			}
			mu.Lock()
			last = &v
			mu.Unlock()
			select {
			case came <- struct{}{}:
			default:
			}
		}
	}()
	defer close(views)
	for range came {
		mu.Lock()
		v := last
		mu.Unlock()
		views <- *v
	}
}
