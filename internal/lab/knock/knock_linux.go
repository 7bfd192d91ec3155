// Package knock is a program of another user that connects to the agent again and
// again, which is closed each time.
//
// RunRole is for main, before anything else; As starts the program in that role.
package knock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

const knocking role.Role = "test-knock"

// patience bounds one connection.
const patience = time.Minute

// As connects n times as a user, and returns how many connections were closed without a
// byte. The program must be one that the user may start and that calls RunRole.
func As(ctx context.Context, program string, uid uint32, address string, n int) (closed int, err error) {
	cmd := exec.CommandContext(ctx, program, string(knocking), address, strconv.Itoa(n))
	cmd.Dir, cmd.Env = "/", []string{"GORACE=atexit_sleep_ms=0"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("knock: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(out)))
}

// RunRole never returns where this process was started by As.
func RunRole() {
	args, asked := knocking.Asked(2, 2)
	if !asked {
		return
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		os.Exit(role.ExitMisused)
	}
	var remaining, closed atomic.Int64
	remaining.Store(int64(n))
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for remaining.Add(-1) >= 0 {
				if knock(args[0]) == nil {
					closed.Add(1)
				}
			}
		})
	}
	all.Wait()
	fmt.Println(closed.Load())
	os.Exit(role.ExitDone)
}

// knock waits for the end: of a connection that its own side closes first the agent
// cannot tell whose it was.
func knock(address string) error {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	n, err := conn.Read(make([]byte, 1))
	if n > 0 {
		return errors.New("knock: answered")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return err
}
