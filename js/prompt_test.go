package js

import (
	"net"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// stalled ends after the time that a person takes at least to dismiss a
// prompt: that time is what the library tells a dismissal by.
func stalled() <-chan time.Time { return time.After(1500 * time.Millisecond) }

// grantPublic lets the public site reach loopback, so that a test can play
// the browser's answers about the permission alone.
func grantPublic(t *testing.T) {
	t.Helper()
	setPublic(t, browser.PermissionSettingGranted)
}

func setPublic(t *testing.T, to browser.PermissionSetting) {
	t.Helper()
	_, err := chromedp.CallBrowser(tab, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "loopback-network"}, Setting: to, Origin: publicSite,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// handed is a listener whose connections come from elsewhere.
type handed struct {
	net.Listener
	conns chan net.Conn
}

func (h *handed) Accept() (net.Conn, error) {
	c, ok := <-h.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
