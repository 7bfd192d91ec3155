package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSigned: programs and packages are signed with a timestamp of an authority that is asked
// over HTTP, lead to the root over the certificate between, and stay good when the signer's
// certificate has ended; what is changed afterwards is not. Who asks an authority that is
// busy, or gone, is answered by the next, or at the next try.
func TestSigned(t *testing.T) {
	s := newSigners(t)
	address, asked := s.timestamps(t, 1)
	program, installer := s.program(t), s.installer(t)
	if err := os.Chmod(program, 0o754); err != nil {
		t.Fatal(err)
	}
	const gone = "http://127.0.0.1:9"
	if out, status := s.sign(t, append(s.env, "CPX_SIGN_TIMESTAMP="+gone+" "+address), "authenticode", program, installer); status != 0 || !strings.Contains(out, "once more") {
		t.Fatalf("status %d: %s", status, out)
	}
	if n := asked.Load(); n != 3 { // busy, and one for each
		t.Errorf("the authority was asked %d times", n)
	}
	if info, err := os.Stat(program); err != nil || info.Mode().Perm() != 0o754 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for _, file := range []string{program, installer} {
		for _, days := range []int{0, 400} {
			if out, good := s.verified(t, file, days); !good {
				t.Errorf("%s in %d days: %s", file, days, out)
			}
		}
	}
	change(t, program, 4096)
	if out, good := s.verified(t, program, 0); good || !strings.Contains(out, "MISMATCH") {
		t.Errorf("changed, and good: %s", out)
	}
}

// change flips a bit of a file.
func change(t *testing.T, file string, at int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[at] ^= 1
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestSignedSums: the sums' signature is one that openssl finds good, as the document says,
// with a key that has a password; of other sums it is none.
func TestSignedSums(t *testing.T) {
	s := newSigners(t)
	s.write(t, "password", []byte("a TEST password\n"))
	if out, err := exec.CommandContext(t.Context(), "openssl", "pkey", "-in", s.path("signer.key"), "-aes256", "-passout", "file:"+s.path("password"), "-out", s.path("locked.key")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.write(t, sums, []byte("0123  TEST\n"))
	env := append(s.env, "CPX_SIGN_KEY="+s.path("locked.key"), "CPX_SIGN_PASSWORD="+s.path("password"))
	if out, status := s.sign(t, env, "detached", s.path(sums)); status != 0 {
		t.Fatalf("status %d: %s", status, out)
	}
	verify := func() error {
		cmd := exec.CommandContext(t.Context(), "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", signature, "-content", sums, "-purpose", "any", "-CAfile", "root.pem", "-out", os.DevNull)
		cmd.Dir = s.dir
		return cmd.Run()
	}
	if err := verify(); err != nil {
		t.Error(err)
	}
	s.write(t, sums, []byte("0123  TESU\n"))
	if verify() == nil {
		t.Error("other sums, and the signature is good")
	}
}

// TestNotSigned: what fails says so in words, and leaves the files as they were.
func TestNotSigned(t *testing.T) {
	s := newSigners(t)
	address, asked := s.timestamps(t, 1<<30)
	program, installer := s.program(t), s.installer(t)
	s.write(t, "wrong", []byte("wrong\n"))
	s.write(t, "empty.pem", nil)
	if out, err := exec.CommandContext(t.Context(), "openssl", "pkey", "-in", s.path("signer.key"), "-aes256", "-passout", "pass:TEST", "-out", s.path("locked.key")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	own := []string{"CPX_SIGN_TSA_CERT=" + s.path("tsa.pem"), "CPX_SIGN_TSA_KEY=" + s.path("tsa.key")}
	before := contents(t, s.dir, program, installer)
	for name, c := range map[string]struct {
		env  []string
		file string
		says string
		is   int
	}{
		"nobody there":         {[]string{"CPX_SIGN_TIMESTAMP=http://127.0.0.1:9", "CPX_SIGN_TRIES=1"}, installer, "of http://127.0.0.1:9 no timestamp came, asked 1 times", 1},
		"always busy":          {[]string{"CPX_SIGN_TIMESTAMP=" + address}, installer, "no timestamp came, asked 3 times", 1},
		"no authority":         {nil, installer, "CPX_SIGN_TIMESTAMP names no timestamp authority", 2},
		"another's key":        {append(own, "CPX_SIGN_KEY="+s.path("other.key")), installer, "is not that of the first certificate", 1},
		"no password":          {append(own, "CPX_SIGN_KEY="+s.path("locked.key")), installer, "CPX_SIGN_PASSWORD names the file", 1},
		"a wrong password":     {append(own, "CPX_SIGN_KEY="+s.path("locked.key"), "CPX_SIGN_PASSWORD="+s.path("wrong")), installer, "cannot be opened with the password", 1},
		"no such password":     {append(own, "CPX_SIGN_PASSWORD="+s.path("none")), installer, "none cannot be read", 2},
		"no key":               {append(own, "CPX_SIGN_KEY="), installer, "CPX_SIGN_KEY is not", 2},
		"no certificate in it": {append(own, "CPX_SIGN_CERT="+s.path("empty.pem")), installer, "holds no certificate", 2},
		"no chain":             {append(own, "CPX_SIGN_CERT="+s.path("signer.pem")), installer, "does not lead to", 1},
		"another's roots":      {append(own, "CPX_SIGN_ROOTS="+s.path("other.pem")), installer, "does not lead to", 1},
		"the second is none":   {own, s.path("wrong"), "is not signed", 1},
		"no such file":         {own, s.path("none"), "is no file", 2},
	} {
		out, status := s.sign(t, append(s.env[:len(s.env):len(s.env)], c.env...), "authenticode", program, c.file)
		if status != c.is || !strings.Contains(out, c.says) || strings.Contains(out, ":error:") {
			t.Errorf("%s: status %d, want %d and %q: %s", name, status, c.is, c.says, out)
		}
		if !bytes.Equal(contents(t, s.dir, program, installer), before) {
			t.Fatalf("%s: the files are not as they were", name)
		}
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("the busy authority was asked %d times", n)
	}
}

// contents are the bytes of files, and the names of all in a folder that look half done.
func contents(t *testing.T, dir string, files ...string) (all []byte) {
	t.Helper()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	half, err := filepath.Glob(filepath.Join(dir, "*.signing"))
	if err != nil {
		t.Fatal(err)
	}
	return append(all, strings.Join(half, "\n")...)
}

// TestSignPlugin: the program that signs in our place is called with what is to be signed,
// and what it says that it did is looked at.
func TestSignPlugin(t *testing.T) {
	s := newSigners(t)
	program := s.program(t)
	s.write(t, sums, []byte("0123  TEST\n"))
	plugin := func(body string) []string {
		path := s.path("a signer")
		if err := os.WriteFile(path, []byte("#!/bin/sh\nprintf '%s\\n' \"$@\" >\""+s.path("called")+"\"\n"+body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return []string{"CPX_SIGN=" + path}
	}
	real := "unset CPX_SIGN; " + strings.Join(append(s.env, "CPX_SIGN_TSA_CERT="+s.path("tsa.pem"), "CPX_SIGN_TSA_KEY="+s.path("tsa.key")), " ") + " ../../scripts/sign \"$@\""
	unstamped := "osslsigncode sign -certs " + s.path("chain.pem") + " -key " + s.path("signer.key") + " -h sha256 -in \"$2\" -out \"$2.x\" >/dev/null && mv \"$2.x\" \"$2\""
	for _, c := range []struct {
		name, kind, body, says string
		is                     int
	}{
		{"fails", "authenticode", "exit 7", "ended with status 7: not signed", 1},
		{"does nothing", "authenticode", "exit 0", "has no signature", 1},
		{"writes nothing", "detached", "exit 0", "there is no signature", 1},
		{"writes an empty one", "detached", ": >\"$2.p7s\"", "there is no signature", 1},
		{"writes no signature", "detached", "echo TEST >\"$2.p7s\"", "is no good signature of", 1},
		{"signs without a timestamp", "authenticode", unstamped, "has no timestamp", 1},
		{"signs the sums", "detached", real, "", 0},
		{"relies on the one of before", "detached", "exit 0", "there is no signature", 1},
		{"signs and changes", "detached", real + " && echo more >>\"$2\"", "is no good signature of", 1},
		{"signs", "authenticode", real, "", 0},
		{"changes what it signed", "authenticode", real + " && printf X | dd of=\"$2\" bs=1 seek=4096 conv=notrunc 2>/dev/null", "is not of these bytes", 1},
	} {
		file := map[string]string{"authenticode": program, "detached": s.path(sums)}[c.kind]
		out, status := s.sign(t, plugin(c.body), c.kind, file)
		if status != c.is || !strings.Contains(out, c.says) {
			t.Errorf("%s: status %d, want %d and %q: %s", c.name, status, c.is, c.says, out)
		}
		if called, err := os.ReadFile(s.path("called")); err != nil || string(called) != c.kind+"\n"+file+"\n" {
			t.Errorf("%s: called with %q, %v", c.name, called, err)
		}
	}
	if out, status := s.sign(t, nil, "authenticode", program); status != 0 || !strings.Contains(out, "NOT SIGNED") {
		t.Errorf("nothing to sign with: status %d: %s", status, out)
	}
}
