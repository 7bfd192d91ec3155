// Package sshd is a server of ssh on loopback, without root and without a service of the
// machine's: a tool that reaches workstations by OpenSSH's own client finds there what the test
// has put there. Each name that the client uses is a workstation with an environment of its own.
// A Server may be used concurrently. It takes one key alone, made for the test. It is for tests
// only.
package sshd

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Server serves until Close.
type Server struct {
	// Config is a file for `ssh -F`, with every workstation by its name.
	Config string

	listener net.Listener
	config   ssh.ServerConfig
	stations map[string][]string
	serving  sync.WaitGroup
	end      context.CancelFunc
}

// New serves workstations, each by its name with the environment in which its commands run.
// dir takes keys and Config.
func New(ctx context.Context, dir string, stations map[string][]string) (*Server, error) {
	_, hostKey, err := signer("")
	if err != nil {
		return nil, err
	}
	identity := filepath.Join(dir, "id")
	public, _, err := signer(identity)
	if err != nil {
		return nil, err
	}
	s := &Server{Config: filepath.Join(dir, "ssh_config"), stations: stations}
	s.config.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(public.Marshal()) {
			return nil, errors.New("another key")
		}
		return nil, nil
	}
	s.config.AddHostKey(hostKey)
	if s.listener, err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	port := s.listener.Addr().(*net.TCPAddr).Port
	known := filepath.Join(dir, "known_hosts")
	text := ""
	for name := range stations { // ssh tells the server which is meant by the user's name
		text += fmt.Sprintf("Host %s\n  HostName 127.0.0.1\n  Port %d\n  User %[1]s\n  IdentityFile %[3]s\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile %[4]s\n  HostKeyAlias test\n", name, port, identity, known)
	}
	err = errors.Join(os.WriteFile(s.Config, []byte(text), 0o600), os.WriteFile(known, append([]byte("test "), ssh.MarshalAuthorizedKey(hostKey.PublicKey())...), 0o600))
	if err != nil {
		return nil, errors.Join(err, s.listener.Close())
	}
	ctx, s.end = context.WithCancel(ctx)
	s.serving.Go(func() { s.serve(ctx) })
	return s, nil
}

// signer makes a key and writes it into a file, "" for none.
func signer(file string) (ssh.PublicKey, ssh.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if file != "" {
		block, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			return nil, nil, err
		}
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, nil, err
		}
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, nil, err
	}
	return s.PublicKey(), s, nil
}

// Close ends the server and every command in it.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.end()
	s.serving.Wait()
	return err
}

func (s *Server) serve(ctx context.Context) {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() {
			defer c.Close()
			defer context.AfterFunc(ctx, func() { _ = c.Close() })()
			s.connection(ctx, c)
		})
	}
}

func (s *Server) connection(ctx context.Context, c net.Conn) {
	conn, channels, requests, err := ssh.NewServerConn(c, &s.config)
	if err != nil {
		return
	}
	defer conn.Close()
	go ssh.DiscardRequests(requests)
	for wanted := range channels {
		if wanted.ChannelType() != "session" {
			_ = wanted.Reject(ssh.UnknownChannelType, "sessions alone")
			continue
		}
		channel, requests, err := wanted.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() { session(ctx, channel, requests, s.stations[conn.User()]) })
	}
}

// session runs the one command of a session, as a person's shell would.
func session(ctx context.Context, channel ssh.Channel, requests <-chan *ssh.Request, env []string) {
	defer channel.Close()
	for r := range requests {
		if r.Type != "exec" {
			_ = r.Reply(r.Type == "env", nil)
			continue
		}
		var wanted struct{ Command string }
		if ssh.Unmarshal(r.Payload, &wanted) != nil {
			_ = r.Reply(false, nil)
			return
		}
		_ = r.Reply(true, nil)
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", wanted.Command)
		cmd.Env, cmd.Dir = env, "/"
		cmd.Stdin, cmd.Stdout, cmd.Stderr = channel, channel, channel.Stderr()
		cmd.WaitDelay = 1 // the client may keep its input open
		_ = cmd.Run()
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(cmd.ProcessState.ExitCode())}))
		return
	}
}
