package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/caservice"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/commandsocket"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
)

// servicePath is the socket that ca-tell writes to.
func servicePath(dir string) string { return filepath.Join(dir, "ca", "control") }

func sendService(dir, line string) (string, error) {
	return commandsocket.Send(servicePath(dir), line, "CA service")
}

var errNoService = errors.New("the cards' certificates name no CA service: make cards in a new folder with --ca-service http://127.0.0.1:9080")

// serveCA serves the lists and the responders of the folder's CAs, at the address that the
// certificates name, until ctx ends.
func serveCA(ctx context.Context, dir string, validity time.Duration, stdout io.Writer) error {
	if _, err := os.Stat(filepath.Join(dir, "ca")); err != nil {
		return fmt.Errorf("no cards are in %s: make some with cpx-card demo --ca-service http://127.0.0.1:9080: %w", dir, err)
	}
	address, err := democard.Service(dir)
	if err != nil {
		return err
	}
	if address == "" {
		return errNoService
	}
	if _, err := sendService(dir, "state"); err == nil {
		return fmt.Errorf("a CA service runs in %s already", dir)
	}
	pki, err := democard.OpenPKI(filepath.Join(dir, "ca"), time.Now())
	if err != nil {
		return err
	}
	service, err := caservice.New(caservice.Options{
		PKI: pki, Validity: validity,
		Find: func(word string) ([]*x509.Certificate, error) { return democard.Issued(dir, word) },
	})
	if err != nil {
		return err
	}
	at, err := url.Parse(address)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", at.Host)
	if err != nil {
		return err
	}
	// The socket of a run that was killed would prevent ours.
	if err := os.Remove(servicePath(dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(err, l.Close())
	}
	server := &http.Server{Handler: service, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	err = commandsocket.Serve(ctx, servicePath(dir), func() {
		fmt.Fprintf(stdout, "lists and OCSP of the CAs in %s at %s\n", filepath.Join(dir, "ca"), address)
	}, service.Do)
	err = errors.Join(err, server.Close())
	if stopped := <-served; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, stopped)
	}
	return err
}
