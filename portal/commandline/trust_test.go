package commandline

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/portal/trust"
)

// TestTrustRefused: what keeps a group for real cards from being made is said line by line,
// and nothing is changed.
func TestTrustRefused(t *testing.T) {
	config := settingsFile(t, "")
	before, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(config)
	root := filepath.Join(folder, "root.pem")
	page := filepath.Join(folder, "page.cer")
	if err := os.WriteFile(page, []byte("<html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	add := []string{"trust", "add", "--config", config}
	for _, c := range []struct {
		exit int
		args []string
		says []string
	}{
		{2, add, []string{"which certificates?", "Usage: cpx-portal trust add"}},
		{2, []string{"trust", "add", root}, []string{"--config is missing"}},
		{2, append(add, "--unknown-sha256", "12", root), []string{`--unknown-sha256: "12" is no SHA-256`}},
		{2, append(add, root), []string{"--required-policy OID", "cpx-portal: nothing was changed"}},
		{2, append(add, "--required-policy", "2.999.10.x", page), []string{`--required-policy: "2.999.10.x" must be an OID`}},
		{2, append(add, "--required-policy", "2.999.10.1", "--refused-policy", "x", page), []string{`--refused-policy: "x" must be an OID`}},
		{2, append(add, "--any-policy", "--include", "AC", root), []string{`--include: no authority that is known has the name "AC"`, "\ncpx-portal:   AC RACINE IGC-SANTE FORT\n", "AC IGC-SANTE ELEMENTAIRE ORGANISATIONS\n"}},
		{1, append(add, "--any-policy", page, filepath.Join(folder, "no.cer")), []string{"page.cer: is a web page", "cpx-portal: " + folder + "/no.cer: no such file"}},
		{1, append(add, "--any-policy", root, filepath.Join(folder, "intermediate.pem")), []string{"root.pem: TEST AC RACINE IGC-SANTE FORT is of a test PKI", "intermediate.pem: TEST AC IGC-SANTE"}},
		{2, append(add, "--any-policy", "--group", "test", root), []string{"portal.toml:5: trust_group", "a group of test cards"}},
		{2, []string{"trust", "list", "--config", root}, []string{"root.pem:1: "}},
	} {
		said := cpxPortal(t, c.exit, "", c.args...)
		for _, part := range c.says {
			if !strings.Contains(said, part) {
				t.Errorf("%v: %q is missing in\n%s", c.args, part, said)
			}
		}
	}
	if after, err := os.ReadFile(config); err != nil || !bytes.Equal(before, after) {
		t.Errorf("%v\n%s", err, after)
	}
}

// TestTrustList: the groups, as text and as JSON, with a status that says whether a group for
// real cards has an authority that is not known.
func TestTrustList(t *testing.T) {
	config := settingsFile(t, "")
	var out, errs bytes.Buffer
	if got := run(t, []string{"trust", "list", "--config", config}, "", &out, &errs); got != 0 || !strings.Contains(out.String(), "test (test cards, line 5)\n  root         test     until ") {
		t.Errorf("exit %d\n%s%s", got, out.String(), errs.String())
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, bytes.Replace(text, []byte("test = true"), nil, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if got := run(t, []string{"trust", "list", "--config", config, "--json"}, "", &out, &errs); got != 1 || !strings.Contains(errs.String(), `the group "test" is for real cards, and has TEST AC RACINE IGC-SANTE FORT, which is test`) {
		t.Errorf("exit %d, %s", got, errs.String())
	}
	var listed struct{ Groups []trust.ListedGroup }
	if err := json.Unmarshal(out.Bytes(), &listed); err != nil || len(listed.Groups) != 1 || len(listed.Groups[0].Certificates) != 2 || len(listed.Groups[0].Certificates[0].SHA256) != 64 {
		t.Errorf("%v, %s", err, out.String())
	}
}
