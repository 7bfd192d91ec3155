package portalcluster

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/caservice"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// cluster is a portal of several instances.
type cluster struct {
	o         Options
	begun     time.Time
	server    *postgres.Server
	db        *sql.DB
	service   *caservice.Service
	instances []*instance
	people    []*person
	address   string // of the one port
	host      string
	closers   []func() error

	mu          sync.Mutex
	disturbing  bool
	disturbedAt time.Time

	reportMu sync.Mutex
	report   Report
	sessions []session
}

// person is somebody with an account and a card.
type person struct {
	name string // as the space shows it
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// session is what a login that was answered 200 began.
type session struct {
	person  *person
	browser *browser
}

func start(ctx context.Context, o Options) (c *cluster, err error) {
	c = &cluster{o: o, begun: time.Now()}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.stop())
		}
	}()
	if c.server, err = postgres.Start(ctx); err != nil {
		return c, err
	}
	c.closers = append(c.closers, c.server.Stop)
	database, err := c.server.Create(ctx)
	if err != nil {
		return c, err
	}
	if c.db, err = sql.Open("pgx", database); err != nil {
		return c, err
	}
	c.closers = append(c.closers, c.db.Close)
	pki, err := c.authorities()
	if err != nil {
		return c, err
	}
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return c, err
	}
	c.host = front.Addr().String()
	c.address = "http://" + c.host
	if err := c.settings(pki, database); err != nil {
		return c, err
	}
	if err := c.register(ctx, pki, database); err != nil {
		return c, err
	}
	for _, i := range c.instances {
		if err := i.start(ctx); err != nil {
			return c, err
		}
		c.closers = append(c.closers, i.kill)
	}
	c.serve(front, newBalancer(c.instances))
	return c, nil
}

// stop ends all, the last that was begun first.
func (c *cluster) stop() (err error) {
	for i := len(c.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, c.closers[i]())
	}
	c.closers = nil
	return err
}

func (c *cluster) serve(l net.Listener, h http.Handler) {
	web := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = web.Serve(l) }()
	c.closers = append(c.closers, web.Close)
}

// authorities makes a PKI, and the service by which it says which cards it revoked.
func (c *cluster) authorities() (*demopki.PKI, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ofRoot, ofIntermediate := caservice.Addresses("http://" + l.Addr().String())
	ofRoot.OCSP, ofIntermediate.OCSP, ofIntermediate.Delta = nil, nil, nil // as the cards' PKI: lists
	pki, err := demopki.NewServed(time.Now(), ofRoot, ofIntermediate)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	c.service, err = caservice.New(caservice.Options{PKI: pki, Find: func(string) ([]*x509.Certificate, error) {
		return []*x509.Certificate{c.people[0].cert}, nil
	}})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	c.serve(l, c.service)
	return pki, nil
}

// settings writes the settings of three instances, which differ in their ports alone.
func (c *cluster) settings(pki *demopki.PKI, database string) error {
	for name, cert := range map[string]*x509.Certificate{"root.pem": pki.Root.Cert, "intermediate.pem": pki.Intermediate.Cert} {
		if err := c.write(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})); err != nil {
			return err
		}
	}
	if err := c.write("database", []byte(database)); err != nil {
		return err
	}
	for n := range 3 {
		i := &instance{program: c.o.Program, config: filepath.Join(c.o.Dir, fmt.Sprintf("portal%d.toml", n))}
		var err error
		if i.listen, err = freeAddress(); err == nil {
			i.metrics, err = freeAddress()
		}
		if err != nil {
			return err
		}
		text := fmt.Sprintf(`name = "Portail TEST"
origin = %q
listen = %q
metrics = %q
database_file = "database"
proxies = ["127.0.0.1"]
revocation = "crl"

[audit]
file = "audit%d.log"

[crl]
refresh = %q
allow_private = ["127.0.0.1"]

[[trust_group]]
name = "test"
test = true
roots = ["root.pem"]
intermediates = ["intermediate.pem"]
required_policies = [%q]
`, c.address, i.listen, i.metrics, n, Refresh, demopki.PolicyAuthentication)
		if err := c.write(filepath.Base(i.config), []byte(text)); err != nil {
			return err
		}
		c.instances = append(c.instances, i)
	}
	return nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// register gives each person an account with a card attached, as a first connection does.
func (c *cluster) register(ctx context.Context, pki *demopki.PKI, database string) error {
	db, err := store.Open(ctx, database)
	if err != nil {
		return err
	}
	defer db.Close()
	hash, err := passwords.Hash("a long TEST password")
	if err != nil {
		return err
	}
	now := time.Now()
	for n := range c.o.People {
		p := &person{name: fmt.Sprintf("TEST Personne %d", n)}
		if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return err
		}
		p.cert, err = pki.Intermediate.Issue(demopki.Leaf{Holder: demopki.NewHolder("CPS", n+1), PublicKey: p.key.Public(), NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(3, 0, 0)})
		if err != nil {
			return err
		}
		c.people = append(c.people, p)
		if err := attach(ctx, db, p, fmt.Sprintf("test%d", n), hash, now); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func attach(ctx context.Context, db *store.Store, p *person, name, hash string, now time.Time) error {
	if err := db.AddAccount(ctx, store.Account{Name: name, Display: p.name, Service: "TEST", Password: hash}, now); err != nil {
		return err
	}
	a, err := db.AccountByName(ctx, name)
	if err != nil {
		return err
	}
	who, sum := cps.Parse(p.cert, cps.Rules{}), sha256.Sum256(p.cert.Raw)
	card := store.Card{Group: "test", Identifier: who.Identifier, Holder: who.DisplayName(), Profession: who.Profession, Certificate: hex.EncodeToString(sum[:]), Named: who.Named()}
	pending, _, err := db.Login(ctx, card, nil, store.Session{Hash: []byte("pending " + name)}, now, time.Minute, nil)
	if err == nil {
		err = db.Confirmable(ctx, pending.Hash, a.ID, a.Password)
	}
	if err != nil {
		return err
	}
	pending.PendingAccount = a.ID
	in, err := db.Confirm(ctx, pending, store.Session{Hash: []byte("in " + name)}, nil, now)
	if err != nil {
		return err
	}
	return db.EndSession(ctx, in.Hash)
}

// instance is one cpx-portal.
type instance struct {
	program, config, listen, metrics string

	mu      sync.Mutex
	running *exec.Cmd
}

// start starts it and waits until it is ready.
func (i *instance) start(ctx context.Context) error {
	said := &bytes.Buffer{}
	c := exec.Command(i.program, "serve", "--config", i.config)
	c.Stdout, c.Stderr = said, said
	c.SysProcAttr = &syscall.SysProcAttr{}
	if err := c.Start(); err != nil {
		return err
	}
	i.mu.Lock()
	i.running = c
	i.mu.Unlock()
	for begun := time.Now(); time.Since(begun) < time.Minute && ctx.Err() == nil; {
		if answer, err := http.Get("http://" + i.metrics + "/readyz"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(50 * time.Millisecond) // a process's readiness is no event here
	}
	_ = i.kill()
	return fmt.Errorf("an instance is not ready:\n%s", said)
}

// kill kills it as the system does for want of memory; that it is gone is no error.
func (i *instance) kill() error {
	i.mu.Lock()
	c := i.running
	i.running = nil
	i.mu.Unlock()
	if c == nil {
		return nil
	}
	if err := c.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = c.Wait()
	return nil
}
