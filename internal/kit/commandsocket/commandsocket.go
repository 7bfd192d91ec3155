// Package commandsocket is how a program of the kit that runs is told what to do: a socket
// in a folder, a line for each command, and an answer for each line.
//
// Only the user who made a socket may write to it. Its functions may be called
// concurrently; a command decides for itself what may run beside it.
package commandsocket

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// limit is how long a command may take, beside its line and its answer.
const limit = 20 * time.Second

// Serve carries out lines from the socket until ctx ends. It calls ready once it listens.
func Serve(ctx context.Context, path string, ready func(), do func(line string) (string, error)) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(err, l.Close())
	}
	ready()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var lines sync.WaitGroup
	defer lines.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		lines.Go(func() {
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(limit))
			line, err := bufio.NewReader(io.LimitReader(conn, 1024)).ReadString('\n')
			if err != nil {
				return
			}
			answer, err := do(line)
			if err != nil {
				answer = "error: " + err.Error()
			}
			fmt.Fprintln(conn, answer)
		})
	}
}

// Send sends a line to the program that serves the socket. runs names that program, for
// the error where there is none.
func Send(path, line, runs string) (string, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return "", fmt.Errorf("no %s runs there: %w", runs, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(limit + limit/2)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(answer))
	if problem, failed := strings.CutPrefix(text, "error: "); failed {
		return "", errors.New(problem)
	}
	return text, nil
}
