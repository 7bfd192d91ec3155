// Package settings reads the portal's settings file, and the operator's texts that it names.
// What it returns is checked and not changed any more, so that it may be read concurrently. It
// never accepts what is fit for a demonstration alone where other machines can reach the site.
package settings

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// Error is a setting that keeps the portal from starting.
type Error = tomlfile.Error

// Settings are the portal's settings file. Paths in it are relative to the file.
type Settings struct {
	Name   string `toml:"name"`   // the site's name as people see it
	Origin string `toml:"origin"` // exactly as browsers send it
	Listen string `toml:"listen"` // address:port
	// Hosts are names besides the origin's under which the site answers: to what watches
	// over it by its address, or through a proxy that does not pass the browser's Host on.
	Hosts []string `toml:"hosts"`
	// Database is a file, or the address of a database of PostgreSQL's: postgres://…
	Database string `toml:"database"`
	// DatabaseFile is a file that holds that address, for the password in it.
	DatabaseFile string `toml:"database_file"`
	// Proxies are the addresses and networks of the operator's own proxies, whose
	// X-Forwarded-For is believed.
	Proxies []string `toml:"proxies"`
	// Metrics is where metrics are served, address:port; "": nowhere.
	Metrics string `toml:"metrics"`
	// Drain is how long the site goes on serving once it says that it is not ready.
	Drain Duration `toml:"drain"`
	Audit struct {
		File      string   `toml:"file"` // "-": standard output; "": no lines
		Retention Duration `toml:"keep"` // how long rows stay in the database
	} `toml:"audit"`
	Texts   string `toml:"texts"`    // regions and contacts; "": the sample's
	TLSCert string `toml:"tls_cert"` // "": plain http, behind a proxy or on loopback
	TLSKey  string `toml:"tls_key"`

	// AllowInsecure and AllowTestGroups permit plain http and test cards beyond
	// this machine.
	AllowInsecure   bool `toml:"allow_insecure"`
	AllowTestGroups bool `toml:"allow_test_groups"`

	Revocation string `toml:"revocation"` // RevocationCRL, or RevocationOff for test groups alone
	CRL        CRL    `toml:"crl"`
	Session    struct {
		Idle  Duration `toml:"idle"`
		Total Duration `toml:"total"`
	} `toml:"session"`
	CardLogin struct {
		PortsFirst int `toml:"ports_first"`
		PortsCount int `toml:"ports_count"`
		// InstallURL is where a person gets the agent: on this site, or elsewhere on https.
		InstallURL string `toml:"install_url"`
	} `toml:"card_login"`
	TrustGroups []TrustGroup      `toml:"trust_group"`
	Kinds       map[string]string `toml:"kinds"` // certificate policy to card kind

	file  string
	lines tomlfile.Lines
	texts *Texts
}

// OperatorTexts are the texts that the settings name, or the sample's.
func (s *Settings) OperatorTexts() *Texts { return s.texts }

// TrustGroup is a set of CAs, and what the certificates they issue must and must
// not say.
type TrustGroup struct {
	Name             string   `toml:"name"`
	Test             bool     `toml:"test"`
	Roots            []string `toml:"roots"` // PEM files
	Intermediates    []string `toml:"intermediates"`
	RequiredPolicies []string `toml:"required_policies"`
	RefusedPolicies  []string `toml:"refused_policies"`
	StrictPolicies   bool     `toml:"strict_policies"`
	RequireEKU       bool     `toml:"require_eku"`
	MinRSABits       int      `toml:"min_rsa_bits"`
}

// Load reads and checks the file. Errors are of type *Error.
func Load(path string) (*Settings, error) {
	text, err := plainfile.ReadHanded(path, handedPatience)
	if err != nil {
		return nil, &Error{File: path, Text: "cannot be read: " + err.Error()}
	}
	return parse(path, text)
}

// Check says whether the portal would start with a content of the file at path, as far as the
// content and the certificates of its trust groups go. Errors are of type *Error.
func Check(path string, content []byte) error {
	s, err := parse(path, content)
	if err == nil {
		_, err = s.Profile()
	}
	return err
}

func parse(path string, text []byte) (*Settings, error) {
	var err error
	s := &Settings{Name: "Portail des professionnels", Listen: "127.0.0.1:8443", Database: "portal.db", file: path}
	s.Session.Idle, s.Session.Total = Duration(15*time.Minute), Duration(10*time.Hour)
	s.CardLogin.PortsFirst, s.CardLogin.PortsCount = 27720, 10
	s.Audit.Retention = Duration(365 * 24 * time.Hour)
	if err := s.durations(text); err != nil {
		return nil, err
	}
	if s.lines, err = tomlfile.Decode(path, text, s); err != nil {
		return nil, err
	}
	for _, p := range []*string{&s.DatabaseFile, &s.Texts, &s.TLSCert, &s.TLSKey, &s.CRL.Folder} {
		s.resolve(p)
	}
	for i := range s.CRL.Sources {
		s.resolve(&s.CRL.Sources[i].Issuer)
	}
	if err := s.readDatabase(); err != nil {
		return nil, err
	}
	if err := s.readOperation(); err != nil {
		return nil, err
	}
	for i := range s.TrustGroups {
		for _, list := range [][]string{s.TrustGroups[i].Roots, s.TrustGroups[i].Intermediates} {
			for j := range list {
				s.resolve(&list[j])
			}
		}
	}
	if s.texts, err = loadTexts(s.Texts); errors.Is(err, errUnread) {
		return nil, s.Err("texts", err.Error())
	} else if err != nil {
		return nil, err
	}
	return s, s.check()
}

// readDatabase reads the address of the database where that has a file of its own.
func (s *Settings) readDatabase() error {
	if s.DatabaseFile != "" {
		if s.lines["database"] != 0 {
			return s.Err("database_file", "database and database_file exclude each other")
		}
		text, err := plainfile.ReadHanded(s.DatabaseFile, handedPatience)
		if err != nil {
			return s.Err("database_file", err.Error())
		}
		s.Database = strings.TrimSpace(string(text))
		if !isPostgres(s.Database) {
			return s.Err("database_file", s.DatabaseFile+" does not hold an address that begins with postgres://")
		}
	}
	if !isPostgres(s.Database) {
		if likePostgres.MatchString(s.Database) { // not shown: there may be a password in it
			return s.Err("database", "is neither a file nor an address of PostgreSQL's, which begins with postgres://")
		}
		s.resolve(&s.Database)
		return nil
	}
	key := "database"
	if s.DatabaseFile != "" {
		key = "database_file"
	}
	// Of a password with this in it the library takes the rest for the server's name: it would ask
	// the network for that, and the log would have it.
	if address, _, _ := strings.Cut(s.Database, "?"); strings.Count(address, "@") > 1 {
		return s.Err(key, `has "@" more than once: in a user name, a password or a database's name it is written as "%40"`)
	}
	if _, err := pgconn.ParseConfig(s.Database); err != nil { // its text has no password
		return s.Err(key, strings.Join(strings.Fields(err.Error()), " "))
	}
	return nil
}

// likePostgres is an address that was mistyped, and no file that somebody means.
var likePostgres = regexp.MustCompile(`(?i)^\s*(pg|postgres|postgresql)(:|//)|^[a-z]+://|\bdbname=`)

func isPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// handedPatience is how long a pipe that was opened for the portal has to give its content:
// somebody may have to unlock a store of secrets first.
const handedPatience = 30 * time.Second

func (s *Settings) resolve(path *string) {
	if *path != "" && !filepath.IsAbs(*path) {
		*path = filepath.Join(filepath.Dir(s.file), *path)
	}
}

// Err is an error about a setting, with its line; it is of type *Error. The key of a table
// among several has its number, such as "trust_group[1].roots".
func (s *Settings) Err(key, text string) error {
	return &Error{File: s.file, Line: s.line(key), Key: number.ReplaceAllString(key, ""), Text: text}
}

var number = regexp.MustCompile(`\[\d+\]`)

// line is a setting's line, or where it is missing that of the table that lacks it.
func (s *Settings) line(key string) int {
	for {
		if line := s.lines[key]; line > 0 {
			return line
		}
		dot := strings.LastIndexByte(key, '.')
		if dot < 0 {
			return 0
		}
		key = key[:dot]
	}
}

// HTTPS reports whether browsers reach the site by https.
func (s *Settings) HTTPS() bool { return strings.HasPrefix(s.Origin, "https://") }

// Local reports whether the site is for this machine alone: it listens on
// loopback, and its name is one that no network resolves (RFC 6761). The name is
// needed because behind a proxy a portal listens on loopback too.
func (s *Settings) Local() bool {
	if !s.loopback() {
		return false
	}
	u, err := url.Parse(s.Origin)
	if err != nil {
		return false
	}
	name := u.Hostname()
	if a, err := netip.ParseAddr(name); err == nil {
		return a.IsLoopback()
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	return slices.Contains([]string{"localhost", "test", "invalid", "example"}, last)
}

// loopback reports whether no other machine reaches the address that the site listens on.
func (s *Settings) loopback() bool {
	host, _, _ := net.SplitHostPort(s.Listen)
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || host == "localhost"
}

// TestGroups reports whether test cards are accepted, which the pages then say.
func (s *Settings) TestGroups() bool {
	return slices.ContainsFunc(s.TrustGroups, func(g TrustGroup) bool { return g.Test })
}

// KeyPair is the site's own certificate with its key.
func (s *Settings) KeyPair() (tls.Certificate, error) {
	var read [2][]byte
	for i, path := range []string{s.TLSCert, s.TLSKey} {
		var err error
		if read[i], err = plainfile.ReadHanded(path, handedPatience); err != nil {
			return tls.Certificate{}, s.Err([]string{"tls_cert", "tls_key"}[i], err.Error())
		}
	}
	pair, err := tls.X509KeyPair(read[0], read[1])
	if err != nil {
		return pair, s.Err("tls_cert", err.Error())
	}
	return pair, nil
}

// HostOnly is the host of a Host header, without its port: a port tells no names apart.
func HostOnly(header string) string {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(header, "["), "]")
	}
	return strings.ToLower(host)
}
