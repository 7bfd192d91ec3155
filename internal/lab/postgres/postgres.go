// Package postgres gives tests and the lab a PostgreSQL server of their own: real, thrown away
// with the process that started it however that ends, and fast because nothing of it needs to
// outlive the machine. It listens on a Unix socket in its folder alone. PostgreSQL refuses to
// run as root, so root starts it as nobody.
//
// [Database] may be called concurrently; it is one server for the whole test binary.
package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// Server is a running server.
type Server struct {
	bin, dir string
	as       *owner    // nil: as who we are
	alive    io.Closer // the server ends when this does
	ended    *exec.Cmd
}

// Bin is the folder of the newest PostgreSQL that Debian's packages installed, or "" where
// there is none.
func Bin() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if len(found) == 0 {
		return ""
	}
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(found[len(found)-1])
}

func version(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[4])
	return n
}

// Start starts a server. Stop ends it and deletes what it had.
func Start(ctx context.Context) (*Server, error) {
	s := &Server{bin: Bin()}
	if s.bin == "" {
		return nil, fmt.Errorf("PostgreSQL is not here: scripts/setup installs it")
	}
	var err error
	if s.dir, err = os.MkdirTemp("", "cpx-pg-"); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		if s.as, err = nobody(); err == nil {
			err = os.Chown(s.dir, int(s.as.uid), int(s.as.gid))
		}
	}
	if err == nil {
		err = s.start(ctx)
	}
	if err != nil {
		_ = os.RemoveAll(s.dir)
		return nil, err
	}
	return s, nil
}

// owner is whom a process runs as.
type owner struct{ uid, gid uint32 }

func nobody() (*owner, error) {
	u, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &owner{uint32(uid), uint32(gid)}, err
}

func (s *Server) start(ctx context.Context) error {
	if err := s.run(ctx, "initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"); err != nil {
		return err
	}
	settings := "\nlisten_addresses = ''\nunix_socket_directories = '" + s.dir + "'\nfsync = off\nfull_page_writes = off\nmax_connections = 200\nshared_buffers = 64MB\n"
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(settings); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	// The server ends when this process has: the pipe closes then, whatever ended it.
	end := s.command(context.WithoutCancel(ctx), "/bin/sh", "-c", `cat >/dev/null; "$0/pg_ctl" -D "$1/data" -m immediate stop >/dev/null 2>&1; rm -rf "$1"`, s.bin, s.dir)
	if s.alive, err = end.StdinPipe(); err != nil {
		return err
	}
	if err := end.Start(); err != nil {
		return err
	}
	s.ended = end
	return s.Control(ctx, "start")
}

// Control runs pg_ctl with an action: start, stop, or restart, with its options.
func (s *Server) Control(ctx context.Context, action ...string) error {
	return s.run(ctx, "pg_ctl", append([]string{"-D", s.data(), "-w", "-s", "-l", filepath.Join(s.dir, "log")}, action...)...)
}

// Stop ends the server, and deletes its folder.
func (s *Server) Stop() error {
	if err := s.alive.Close(); err != nil {
		return err
	}
	_ = s.ended.Wait()
	return os.RemoveAll(s.dir)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, program, args...)
	c.Dir = "/"
	become(c, s.as)
	c.Env = append(os.Environ(), "LC_ALL=C", "HOME=/nonexistent")
	return c
}

func (s *Server) run(ctx context.Context, program string, args ...string) error {
	c := s.command(ctx, filepath.Join(s.bin, program), args...)
	out, err := os.CreateTemp("", "cpx-pg-out-") // the server would hold a pipe open
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	c.Stdout, c.Stderr = out, out
	if err := c.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("%s %v: %w\n%s%s", program, args, err, text, log)
	}
	return nil
}

// URL is the address of a database of the server's.
func (s *Server) URL(name string) string {
	return "postgres://postgres@/" + name + "?host=" + s.dir
}

// Create makes an empty database and returns its address.
func (s *Server) Create(ctx context.Context) (string, error) {
	db, err := sql.Open("pgx", s.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer db.Close()
	name := "t" + strings.ToLower(rand.Text())
	_, err = db.ExecContext(ctx, "CREATE DATABASE "+name)
	return s.URL(name), err
}

var shared = sync.OnceValues(func() (*Server, error) { return Start(context.Background()) })

// Database is the address of an empty database, on the server of this test binary.
func Database(t testing.TB) string {
	t.Helper()
	s := Shared(t)
	address, err := s.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// Need ends a test where PostgreSQL is not here, or is to be done without.
func Need(t testing.TB) {
	t.Helper()
	if Bin() == "" {
		need.Lacks(t, "PostgreSQL")
	}
	need.File(t, filepath.Join(Bin(), "initdb"))
}

// Shared is the server of this test binary.
func Shared(t testing.TB) *Server {
	t.Helper()
	Need(t)
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s
}
