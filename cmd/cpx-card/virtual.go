package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
)

type virtualOptions struct {
	kindOfCard, kind string
	pinPad           bool
	contactless      bool
}

var errUnknownKind = errors.New("no such kind of card")

// controlPath is the socket that tell writes to.
func controlPath(dir string) string { return filepath.Join(dir, "control") }

// serveVirtual serves a virtual card until ctx ends. Its CA is the folder's, so
// that a portal that trusts the folder's cards trusts it too.
func serveVirtual(ctx context.Context, dir string, o virtualOptions, stdout io.Writer) error {
	if !slices.Contains([]string{"CPS", "CPF", "CPE", "CPA"}, o.kind) {
		return fmt.Errorf("%w: %q; there are CPS, CPF, CPE and CPA", errUnknownKind, o.kind)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	ca := filepath.Join(dir, "ca")
	if err := os.MkdirAll(ca, 0o700); err != nil {
		return err
	}
	pki, err := democard.OpenPKI(ca, time.Now())
	if err != nil {
		return err
	}
	holder := demopki.NewHolder(o.kind, 1)
	card, err := virtual.NewCard(pki.Intermediate, virtual.CardOptions{Type: o.kindOfCard, Holder: holder, Contactless: o.contactless})
	if err != nil {
		return err
	}
	conf := filepath.Join(dir, "opensc.conf")
	if o.contactless {
		if err := os.WriteFile(conf, []byte(virtual.OpenSCConfiguration), 0o600); err != nil {
			return err
		}
	}
	if _, err := virtual.Send(controlPath(dir), "state"); err == nil {
		return fmt.Errorf("a virtual card runs in %s already", dir)
	}
	// Sockets of a run that was killed would prevent ours.
	for _, path := range []string{filepath.Join(dir, "pcscd"), controlPath(dir)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	station, err := virtual.NewStation(virtual.StationOptions{Socket: filepath.Join(dir, "pcscd"), PINPad: o.pinPad, Card: card})
	if err != nil {
		return err
	}
	err = station.Serve(ctx, controlPath(dir), func() {
		said := fmt.Sprintf("%s (%s), card %s, PIN %s\nPCSCLITE_CSOCK_NAME=%s\n", strings.TrimSpace(holder.GivenName+" "+holder.Surname), holder.Identifier, vcard.Serial(card), virtual.PIN, station.Socket())
		if o.contactless {
			said += "OPENSC_CONF=" + conf + "\n"
		}
		fmt.Fprint(stdout, said)
	})
	return errors.Join(err, station.Stop())
}
