package conformance

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/cardobjects"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// module is one column of the table.
type module struct {
	name string
	// groups are the columns and the kinds of column whose expectations hold for this
	// one too, the narrowest first.
	groups []string
	// file is the module's, searched in the system's library folders; pack is the
	// Debian package that contains it.
	file, pack string
	// root is the distribution in whose root the column is run, "" for this machine's.
	root string
	open func(ctx context.Context, dir string, n needs) (*lab, error)
	why  func() string // further reasons why it is not available
}

// missing says why the module is not available here, "" where it is.
func (m module) missing() string {
	if m.why != nil {
		return m.why()
	}
	if m.file == "" {
		return ""
	}
	if path := find(m.file); path == "" {
		return fmt.Sprintf("no %s; package %s brings it", m.file, m.pack)
	}
	return ""
}

// vendorVariable holds the path of the vendor's own module, where a machine has it.
const vendorVariable = "CPX_VENDOR_MODULE"

func find(file string) string {
	if filepath.IsAbs(file) {
		if _, err := os.Stat(file); err == nil {
			return file
		}
		return ""
	}
	// The folders of an architecture (x86_64-linux-gnu), not a program's own: a
	// browser's copy of NSS loads only beside the browser.
	for _, pattern := range []string{"/usr/lib/*-linux-gnu*/" + file, "/usr/lib/*-linux-gnu*/nss/" + file, "/usr/lib/" + file} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// rootVariable names the distribution in whose root the process runs: its columns are
// run then, and no others.
const rootVariable = "CPX_CONFORMANCE_ROOT"

// trixie is Debian 13, with OpenSC 0.26 and pcsc-lite 2.3.
const trixie = "trixie"

const openSC = "opensc-pkcs11.so"

func modules() []module {
	software := []string{"software"} // tokens that are files
	list := []module{
		{name: "softhsm", groups: software, file: "", pack: "softhsm2", open: softHSM},
		{name: "opensc cps3", groups: []string{"opensc", "cps"}, file: openSC, pack: "opensc-pkcs11", open: onStation(openSC, virtual.CPS3, "", virtual.PIN)},
		{name: "opensc piv", groups: []string{"opensc", "piv"}, file: openSC, pack: "opensc-pkcs11", open: onStation(openSC, virtual.PIV, "", virtual.PIN)},
		{name: "opensc piv p256", groups: []string{"opensc", "piv"}, file: openSC, pack: "opensc-pkcs11", open: onStation(openSC, virtual.PIVP256, "", virtual.PIN)},
		{name: "opensc piv p384", groups: []string{"opensc", "piv"}, file: openSC, pack: "opensc-pkcs11", open: onStation(openSC, virtual.PIVP384, "", virtual.PIN)},
		{name: "ykcs11 piv", groups: []string{"piv"}, file: "libykcs11.so.2", pack: "ykcs11", open: onStation("libykcs11.so.2", virtual.PIV, "Yubico YubiKey CCID (TEST) 00 00", "123456")}, // it requires six characters or more
		{name: "nss", groups: software, file: "libsoftokn3.so", pack: "libnss3", open: nss},
		{name: "opencryptoki", groups: software, open: opencryptoki, why: opencryptokiMissing},
	}
	for _, m := range list {
		if old, is := strings.CutPrefix(m.name, "opensc "); is {
			m.name, m.root, m.groups = "opensc 0.26 "+old, trixie, append([]string{m.name}, m.groups...)
			list = append(list, m)
		}
	}
	vendor := os.Getenv(vendorVariable)
	if vendor == "" {
		vendor = "/opt/santesocial/CPS/lib/libcps3_pkcs11_lux.so"
	}
	return append(list, module{name: "vendor cps3", groups: []string{"vendor", "cps"}, file: vendor, pack: "the vendor's Cryptolib CPS, or name its module in " + vendorVariable, open: onStation(vendor, virtual.CPS3, "", virtual.PIN)},
		module{name: "vendor cps4", groups: []string{"vendor", "cps"}, file: vendor, pack: "the vendor's Cryptolib CPS, or name its module in " + vendorVariable, open: onStation(vendor, virtual.CPS4, "", virtual.PIN)})
}

// lab is a card with a pool on the module under test.
type lab struct {
	pool  *pkcs11.Pool
	pin   string
	twin  vcard.Card // in a second reader, or nil
	lacks string     // why the card cannot meet the case's needs, or ""
	// filled is set where the case has put its objects on the card.
	filled bool

	// Nil for tokens in software.
	station *virtual.Station
	card    vcard.Card
	kind    string

	ended func() error // cleans up after the pool is closed
}

func (l *lab) close() error {
	err := l.pool.Close()
	if l.ended != nil {
		err = errors.Join(err, l.ended())
	}
	if l.station != nil {
		err = errors.Join(err, l.station.Stop())
	}
	return err
}

var testPKI = sync.OnceValues(func() (*demopki.PKI, error) { return demopki.New(time.Now()) })

// socket is shared by the whole process, because the client library reads its name
// once. Beside it stands OpenSC's configuration, which knows a contactless CPS3.
var socket = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "cpx")
	if err != nil {
		return "", err
	}
	path, conf := filepath.Join(dir, "pcscd"), filepath.Join(dir, "opensc.conf")
	return path, errors.Join(
		os.WriteFile(conf, []byte(virtual.OpenSCConfiguration), 0o600),
		os.Setenv("OPENSC_CONF", conf), os.Setenv("PCSCLITE_CSOCK_NAME", path),
	)
})

// onStation makes labs with a virtual card on a virtual reader.
func onStation(file, kind, reader, pin string) func(context.Context, string, needs) (*lab, error) {
	return func(ctx context.Context, _ string, n needs) (*lab, error) {
		pki, err := testPKI()
		if err != nil {
			return nil, err
		}
		path, err := socket()
		if err != nil {
			return nil, err
		}
		o := virtual.CardOptions{Type: kind, PIN: pin}
		l := &lab{pin: pin, kind: kind}
		piv := strings.HasPrefix(kind, virtual.PIV)
		switch {
		case n.always && piv:
			o.WithoutAuthentication, o.SignatureForLogin = true, true
		case n.always:
			l.lacks = "no key of a CPS card has CKA_ALWAYS_AUTHENTICATE"
		case n.keys != "":
			l.lacks = asTheyShould
		case n.open && piv:
			o.WithoutAuthentication, o.WithoutSignature, o.CardAuthentication = true, true, true
		case n.open && file == openSC:
			o.Contactless = true
		case n.open:
			l.lacks = "no public source says what the vendor's module asks of a contactless card"
		}
		if l.card, err = virtual.NewCard(pki.Intermediate, o); err != nil {
			return nil, err
		}
		name := reader
		if n.longName {
			name = longName(reader, firstReader)
		}
		if l.station, err = virtual.NewStation(virtual.StationOptions{Socket: path, Reader: name, PINPad: n.pinPad, Card: l.card}); err != nil {
			return nil, err
		}
		if n.twin {
			if l.twin, err = l.plugTwin(reader); err != nil {
				return l, err
			}
		}
		if l.pool, err = pkcs11.Open(ctx, pkcs11.Options{Modules: []string{find(file)}}); err == nil {
			l.ended = watch(ctx, l.pool)
		}
		return l, err
	}
}

// watch passes PC/SC's events to the pool, as the agent does, and returns a function
// that ends it.
func watch(ctx context.Context, pool *pkcs11.Pool) func() error {
	ctx, end := context.WithCancel(ctx)
	first, ended := make(chan struct{}), make(chan struct{})
	var once sync.Once
	go func() {
		defer close(ended)
		pcsc.Watch(ctx, func(e pcsc.Event) { pool.Observe(e); once.Do(func() { close(first) }) })
	}()
	<-first
	return func() error { end(); <-ended; return nil }
}

// another makes another holder's card of the same type.
func (l *lab) another() (vcard.Card, error) {
	pki, err := testPKI()
	if err != nil {
		return nil, err
	}
	return virtual.NewCard(pki.Intermediate, virtual.CardOptions{Type: l.kind, Holder: demopki.NewHolder("CPS", 2)})
}

// asTheyShould is why a card cannot show how keys may go with certificates.
const asTheyShould = "the keys of this card go with their certificates"

func softHSM(ctx context.Context, dir string, n needs) (*lab, error) {
	name := "cps"
	l := &lab{pin: democard.PIN}
	switch {
	case n.always:
		l.lacks = "the demonstration card has no key with CKA_ALWAYS_AUTHENTICATE"
	case n.open:
		name = "technical"
	case n.keys != "":
		name = n.keys
	}
	cards, err := democard.Make(dir, []string{name}, time.Now())
	if err != nil {
		return nil, err
	}
	if n.objects != nil {
		card, err := cardobjects.Open(dir, name)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(n.objects(card), card.Close()); err != nil {
			return nil, err
		}
		l.filled = true
	}
	if err := os.Setenv("SOFTHSM2_CONF", filepath.Join(dir, "softhsm2.conf")); err != nil {
		return nil, err
	}
	l.pool, err = pkcs11.Open(ctx, pkcs11.Options{Modules: []string{cards[0].Module}})
	return l, err
}

// nss is NSS's own token in a database, which needs an init string.
func nss(ctx context.Context, dir string, n needs) (*lab, error) {
	l := &lab{pin: virtual.PIN}
	if n.always || n.open {
		l.lacks = "NSS's database knows neither keys without a PIN nor CKA_ALWAYS_AUTHENTICATE"
	}
	if n.keys != "" {
		l.lacks = asTheyShould
	}
	pki, err := testPKI()
	if err != nil {
		return nil, err
	}
	identities, err := virtual.Identities(pki.Intermediate, virtual.CardOptions{Type: virtual.PIV})
	if err != nil {
		return nil, err
	}
	db := "sql:" + dir
	pin := filepath.Join(dir, "pin")
	if err := os.WriteFile(pin, []byte(l.pin+"\n"), 0o600); err != nil {
		return nil, err
	}
	if err := tool(ctx, "certutil", "-N", "-d", db, "-f", pin); err != nil {
		return nil, err
	}
	for i, identity := range identities {
		key, err := x509.MarshalPKCS8PrivateKey(identity.Key)
		if err != nil {
			return nil, err
		}
		both := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: identity.Cert.Raw})...)
		in, out := filepath.Join(dir, fmt.Sprintf("%d.pem", i)), filepath.Join(dir, fmt.Sprintf("%d.p12", i))
		if err := os.WriteFile(in, both, 0o600); err != nil {
			return nil, err
		}
		if err := errors.Join(
			tool(ctx, "openssl", "pkcs12", "-export", "-in", in, "-out", out, "-passout", "pass:x", "-name", fmt.Sprintf("TEST %d", i)),
			tool(ctx, "pk12util", "-i", out, "-d", db, "-k", pin, "-W", "x"),
		); err != nil {
			return nil, err
		}
	}
	path := find("libsoftokn3.so")
	l.pool, err = pkcs11.Open(ctx, pkcs11.Options{
		Modules:     []string{path},
		InitStrings: map[string]string{path: "configdir='" + db + "' certPrefix='' keyPrefix='' secmod='secmod.db' flags="},
	})
	return l, err
}

func tool(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, args[0], err, out)
	}
	return nil
}
