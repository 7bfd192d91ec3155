package main

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// TestOutOfDescriptors: an agent with 48 descriptors and 80 connections answers a
// person while they are open, and after they are closed.
func TestOutOfDescriptors(t *testing.T) {
	p := workstation.NewPerson(t, "[ports]\nfirst = %d\ncount = 1\n", workstation.FreePorts(t, 1))
	await := p.StartsAs(func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"sh", "-c", `ulimit -n 48 && exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = need.Program(t, "sh")
	})
	address := await(`msg=listening address=(127\.0\.0\.1:\d+)`)[1]
	var flood []net.Conn
	for range 80 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		flood = append(flood, c)
	}
	await("no connection can be accepted") // else this test proves nothing
	answers(t, address)
	for _, c := range flood {
		_ = c.Close()
	}
	answers(t, address)
}

// answers waits until the agent serves its page.
func answers(t *testing.T, address string) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	var last error
	for end := time.Now().Add(testdesktop.Patience); time.Now().Before(end); {
		r, err := client.Get("http://" + address + "/")
		if err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
			err = fmt.Errorf("status %s", r.Status)
		}
		last = err
	}
	t.Fatalf("the agent does not answer: %v", last)
}
