package trust

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
)

// names are those of certificates, shortened as in nine.
func (n *nine) names(list []Certificate) []string {
	names := []string{}
	for _, c := range list {
		for name, ca := range n.of {
			if ca.Equal(c.Certificate) {
				names = append(names, name)
			}
		}
	}
	return names
}

// TestSelect: which of the known authorities make a group, and what is said of the others.
func TestSelect(t *testing.T) {
	n := newNine(t)
	for name, c := range map[string]struct {
		files                []string
		include              []string
		roots, intermediates []string
		notes                []string // parts of them, in order
		says                 []string // parts of the refusal
	}{
		"both chains of cards": {files: []string{"FORT", "FORT PERSONNES", "STANDARD", "STANDARD PERSONNES"},
			roots: []string{"FORT", "STANDARD"}, intermediates: []string{"FORT PERSONNES", "STANDARD PERSONNES"}},
		"in any order": {files: []string{"STANDARD PERSONNES", "FORT PERSONNES", "FORT", "STANDARD"},
			roots: []string{"FORT", "STANDARD"}, intermediates: []string{"STANDARD PERSONNES", "FORT PERSONNES"}},
		"one chain": {files: []string{"FORT", "FORT PERSONNES"}, roots: []string{"FORT"}, intermediates: []string{"FORT PERSONNES"},
			notes: []string{"not there: AC EXEMPLE STANDARD PERSONNES"}},
		"the same twice": {files: []string{"FORT", "FORT PERSONNES", "FORT"}, roots: []string{"FORT"}, intermediates: []string{"FORT PERSONNES"},
			notes: []string{"FORT.cer: AC RACINE EXEMPLE FORT is there already", "not there"}},
		"all nine": {files: []string{"FORT", "FORT PERSONNES", "FORT ORGANISATIONS", "STANDARD", "STANDARD PERSONNES", "STANDARD ORGANISATIONS",
			"ELEMENTAIRE", "ELEMENTAIRE PERSONNES", "ELEMENTAIRE ORGANISATIONS"},
			roots: []string{"FORT", "STANDARD"}, intermediates: []string{"FORT PERSONNES", "STANDARD PERSONNES"},
			notes: []string{"left out: AC EXEMPLE FORT ORGANISATIONS", "left out: AC EXEMPLE STANDARD ORGANISATIONS", "left out: AC EXEMPLE ELEMENTAIRE PERSONNES",
				"left out: AC EXEMPLE ELEMENTAIRE ORGANISATIONS", "left out: AC RACINE EXEMPLE ELEMENTAIRE, because nothing under it"}},
		"one that is asked for": {files: []string{"ELEMENTAIRE", "ELEMENTAIRE PERSONNES"}, include: []string{"ac exemple elementaire personnes"},
			roots: []string{"ELEMENTAIRE"}, intermediates: []string{"ELEMENTAIRE PERSONNES"}, notes: []string{"not there", "not there"}},
		"an include that is none":         {files: []string{"FORT", "FORT PERSONNES"}, include: []string{"AC"}, says: []string{`the name "AC"`}},
		"a root alone":                    {files: []string{"FORT"}, says: []string{"FORT.cer: AC RACINE EXEMPLE FORT is there without AC EXEMPLE FORT PERSONNES"}},
		"an intermediate alone":           {files: []string{"FORT PERSONNES"}, says: []string{"FORT PERSONNES.cer: ", "without its issuer, AC RACINE EXEMPLE FORT"}},
		"with another's root":             {files: []string{"STANDARD", "FORT PERSONNES"}, says: []string{"without its issuer, AC RACINE EXEMPLE FORT", "without AC EXEMPLE STANDARD PERSONNES"}},
		"none of cards":                   {files: []string{"FORT", "FORT ORGANISATIONS"}, says: []string{"none of these certificates is of an authority that issues cards"}},
		"one chain and a half of another": {files: []string{"FORT", "FORT PERSONNES", "STANDARD"}, says: []string{"without AC EXEMPLE STANDARD PERSONNES"}},
	} {
		got, err := Request{Known: n.known, Include: c.include, Now: now}.Select(n.certificates(t, c.files...), Selection{})
		if len(c.says) > 0 {
			refusal, is := errors.AsType[*Refusal](err)
			if !is || len(got.Roots) > 0 {
				t.Errorf("%s: %v, %v", name, got, err)
				continue
			}
			for _, part := range c.says {
				if !strings.Contains(refusal.Error(), part) {
					t.Errorf("%s: %q is missing in %q", name, part, refusal)
				}
			}
			continue
		}
		if err != nil || !slices.Equal(n.names(got.Roots), c.roots) || !slices.Equal(n.names(got.Intermediates), c.intermediates) {
			t.Errorf("%s: %v, %v, %v", name, n.names(got.Roots), n.names(got.Intermediates), err)
		}
		if !slices.EqualFunc(got.Notes, c.notes, strings.Contains) {
			t.Errorf("%s: %q", name, got.Notes)
		}
	}
}

// TestSelectUnknown: what is not among the known is refused without an explicit word, and
// some is with one.
func TestSelectUnknown(t *testing.T) {
	n := newNine(t)
	old := func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) }
	early := func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 0, 1) }
	root := issued(t, nil, "AC RACINE AUTRE", nil)
	ca := issued(t, root, "AC AUTRE", nil)
	impostor := issued(t, nil, "AC RACINE EXEMPLE FORT", nil)
	test := issued(t, nil, "TEST AC RACINE EXEMPLE", nil)
	unit := issued(t, nil, "AC RACINE EXEMPLE", func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"IGC-SANTE TEST"} })
	below := issued(t, n.of["FORT"], "TEST AC EXEMPLE", nil)
	limited := issued(t, n.of["FORT PERSONNES"], "AC SOUS EXEMPLE", nil) // whose issuer may issue no authorities
	weakRoot := weakAuthority(t)
	for name, c := range map[string]struct {
		certificates []*authority
		vouched      bool
		says         string // "": taken
	}{
		"unknown":                          {[]*authority{root, ca}, false, "AC AUTRE is not known, SHA-256 " + Fingerprint(ca.Certificate)},
		"vouched for":                      {[]*authority{root, ca}, true, ""},
		"a name that is known":             {[]*authority{impostor}, false, "has the name of an authority that is known, and another certificate"},
		"of a test PKI":                    {[]*authority{test}, true, "of a test PKI"},
		"by its unit":                      {[]*authority{unit}, true, "of a test PKI"},
		"a test PKI's under a real root":   {[]*authority{n.of["FORT"], below}, true, "of a test PKI"},
		"expired":                          {[]*authority{issued(t, nil, "AC", old)}, true, "has expired, on 2026-02-28"},
		"not yet valid":                    {[]*authority{issued(t, nil, "AC", early)}, true, "from 2026-03-02 on only"},
		"no authority":                     {[]*authority{root, issued(t, root, "CARTE", func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, 0 })}, true, "CARTE is no authority's certificate"},
		"an impostor's intermediate":       {[]*authority{n.of["FORT"], issued(t, impostor, "AC EXEMPLE FORT PERSONNES 2", nil)}, true, "cannot be used under the AC RACINE EXEMPLE FORT that is there: x509"},
		"a root of its own alone":          {[]*authority{root}, true, "without an authority under it"},
		"an issuer that may issue none":    {[]*authority{n.of["FORT"], n.of["FORT PERSONNES"], limited}, true, "AC SOUS EXEMPLE cannot be used under the AC EXEMPLE FORT PERSONNES that is there: it may not issue"},
		"a key that is too short":          {[]*authority{weakRoot}, true, "fewer than 2048 bits"},
		"one more under a root that is so": {[]*authority{n.of["FORT"], n.of["FORT PERSONNES"], issued(t, n.of["FORT"], "AC EXEMPLE FORT PERSONNES 2", nil)}, true, ""},
	} {
		r := Request{Known: n.known, Now: now}
		var list []Certificate
		for _, a := range c.certificates {
			list = append(list, Certificate{a.Certificate, "f"})
			if c.vouched {
				r.Unknown = append(r.Unknown, Fingerprint(a.Certificate))
			}
		}
		got, err := r.Select(list, Selection{})
		if c.says == "" && (err != nil || len(got.Roots)+len(got.Intermediates) != len(list)) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func weakAuthority(t *testing.T) *authority {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	template := issued(t, nil, "AC RACINE COURTE", nil).Certificate
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: template.SerialNumber, Subject: template.Subject, NotBefore: template.NotBefore, NotAfter: template.NotAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: template.KeyUsage,
	}, &x509.Certificate{Subject: template.Subject}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

// TestBuiltIn: the nine that are built in are whole: three roots, each with its two.
func TestBuiltIn(t *testing.T) {
	seen := map[string]bool{}
	roots := 0
	for _, ca := range IGCSante {
		if got, err := ParseSHA256(ca.SHA256); err != nil || got != ca.SHA256 || seen[ca.SHA256] || seen[ca.Name] {
			t.Errorf("%+v: %v", ca, err)
		}
		seen[ca.SHA256], seen[ca.Name] = true, true
		if ca.Issuer == "" {
			roots++
		} else if !slices.ContainsFunc(IGCSante, func(r CA) bool { return r.Name == ca.Issuer && r.Issuer == "" }) {
			t.Errorf("%s: no root %q", ca.Name, ca.Issuer)
		}
	}
	if roots != 3 || len(IGCSante) != 9 {
		t.Errorf("%d, %d roots", len(IGCSante), roots)
	}
}

func TestParseSHA256(t *testing.T) {
	const digits = "53D30A19570826BDE0C0762501F1F1C7A659F976C6C023123DF5239DF34A4EEA"
	for text, good := range map[string]bool{
		digits: true, strings.ToLower(digits): true, " " + digits + "\n": true,
		"53:D3:0A:19:57:08:26:BD:E0:C0:76:25:01:F1:F1:C7:A6:59:F9:76:C6:C0:23:12:3D:F5:23:9D:F3:4A:4E:EA": true,
		"": false, digits[:40]: false, digits + "00": false, digits[:63] + "G": false,
	} {
		if got, err := ParseSHA256(text); (err == nil) != good || good && got != digits {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
