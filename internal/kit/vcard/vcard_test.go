package vcard_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
)

// card makes a card of a kind, and returns the identities on it too.
func card(t *testing.T, kind string) (vcard.Card, []*vcard.Identity) {
	t.Helper()
	pki, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ids, err := virtual.Identities(pki.Intermediate, virtual.CardOptions{Type: virtual.PIV})
	if err != nil {
		t.Fatal(err)
	}
	pin := vcard.NewPIN("1234", 3)
	content := vcard.CPSContent{Serial: "12345678", Label: "CPS4v1-TEST", Authentication: ids[0], Signature: ids[1]}
	var c vcard.Card
	switch kind {
	case "cps3":
		c, err = vcard.NewCPS3(content, pin)
	case "cps4":
		c, err = vcard.NewCPS4(content, pin)
	default:
		c, err = vcard.NewPIV(vcard.PIVContent{Authentication: ids[0], Signature: ids[1]}, pin)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.Reset()
	return c, ids
}

// send sends commands in hex and returns the last answer's data and status.
func send(t *testing.T, c vcard.Card, commands ...string) (data []byte, status string) {
	t.Helper()
	var answer []byte
	for _, command := range commands {
		raw, err := hex.DecodeString(strings.ReplaceAll(command, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if answer = c.Transmit(raw); len(answer) < 2 {
			t.Fatalf("%s: %x", command, answer)
		}
	}
	return answer[:len(answer)-2], hex.EncodeToString(answer[len(answer)-2:])
}

// whole fetches a long answer with GET RESPONSE.
func whole(t *testing.T, c vcard.Card, class string, data []byte, status string) []byte {
	t.Helper()
	for strings.HasPrefix(status, "61") {
		var more []byte
		more, status = send(t, c, class+"c0000000")
		data = append(data, more...)
	}
	if status != "9000" {
		t.Fatalf("status %s", status)
	}
	return data
}

func TestTries(t *testing.T) {
	for kind, verify := range map[string][3]string{
		"cps3": {"00200001", "0020000104 39393939", "0020000104 31323334"},
		"cps4": {"01200001", "0120000104 39393939", "0120000104 31323334"},
		"piv":  {"00200080", "0020008008 39393939ffffffff", "0020008008 31323334ffffffff"},
	} {
		t.Run(kind, func(t *testing.T) {
			c, _ := card(t, kind)
			locked := map[bool]string{true: "63c0", false: "6983"}[kind == "cps4"] // when only asked
			if kind == "piv" {
				send(t, c, "00a4040009a00000030800001000")
			}
			for _, step := range []struct {
				command, status string
				triesLeft       int
			}{
				{verify[0], "63c3", 3}, {verify[1], "63c2", 2}, {verify[0], "63c2", 2}, {verify[2], "9000", 3}, {verify[0], "9000", 3},
				{verify[1], "63c2", 2}, {verify[0], "63c2", 2}, {verify[1], "63c1", 1}, {verify[1], "6983", 0}, {verify[2], "6983", 0}, {verify[0], locked, 0},
			} {
				if _, status := send(t, c, step.command); status != step.status || c.PIN().TriesLeft() != step.triesLeft {
					t.Fatalf("%s: %s, %d left, want %s, %d", step.command, status, c.PIN().TriesLeft(), step.status, step.triesLeft)
				}
			}
			if c.PIN().Tries() != 5 {
				t.Errorf("%d tries counted", c.PIN().Tries())
			}
			c.PIN().SetTriesLeft(3)
			send(t, c, verify[2])
			if !c.PIN().Verified() {
				t.Error("the right PIN is refused after unlocking")
			}
			c.Reset()
			if c.PIN().Verified() {
				t.Error("open after a reset")
			}
		})
	}
}

// A CPS4 as public sources describe it: the module pads and chains.
func TestCPS4(t *testing.T) {
	c, ids := card(t, "cps4")
	if got := hex.EncodeToString(c.ATR()); got != "3b9b188001001225006480040100009044" || c.Protocol() != 1 {
		t.Errorf("ATR %s, T=%d", got, c.Protocol())
	}
	if _, status := send(t, c, "01a4040c08 8025000001ff0100"); status != "9000" {
		t.Fatalf("SELECT: %s", status)
	}
	data, status := send(t, c, "01a4080004 0001d10a 00")
	if status != "9000" || data[0] != 0x6F {
		t.Fatalf("SELECT of the certificate: %x %s", data, status)
	}
	cert, status := send(t, c, "01b0000020")
	if status != "9000" || string(cert) != string(ids[0].Cert.Raw[:32]) {
		t.Errorf("certificate: %x %s", cert, status)
	}

	sum := sha256.Sum256([]byte("TEST"))
	first, last := chained(t, sum[:])
	if _, status := send(t, c, "012241b803830120", first, last); status != "6982" {
		t.Errorf("without the PIN: %s", status)
	}
	data, status = send(t, c, "0120000104 31323334", "012241b803830120", first, last)
	signed := whole(t, c, "01", data, status)
	if err := rsa.VerifyPKCS1v15(ids[0].Cert.PublicKey.(*rsa.PublicKey), crypto.SHA256, sum[:], signed); err != nil {
		t.Errorf("authentication: %v", err)
	}
	data, status = send(t, c, "012281b604 91022881", "012a9e9a20"+hex.EncodeToString(sum[:])+"00")
	signed = whole(t, c, "01", data, status)
	if err := rsa.VerifyPKCS1v15(ids[1].Cert.PublicKey.(*rsa.PublicKey), crypto.SHA256, sum[:], signed); err != nil {
		t.Errorf("signature: %v", err)
	}
	data, status = send(t, c, "012281b604 91022c81", "012a9e9a20"+hex.EncodeToString(sum[:])+"00")
	signed = whole(t, c, "01", data, status)
	if err := rsa.VerifyPSS(ids[1].Cert.PublicKey.(*rsa.PublicKey), crypto.SHA256, sum[:], signed, nil); err != nil {
		t.Errorf("PSS: %v", err)
	}
	if _, status := send(t, c, "00a4040c08 8025000001ff0100"); status != "6e00" {
		t.Errorf("class 00: %s", status)
	}
}

// chained is the two commands that let a CPS4 sign a SHA-256: the module pads it
// (PKCS #1 v1.5, type 1) and sends the block in two parts.
func chained(t *testing.T, digest []byte) (first, last string) {
	t.Helper()
	block := append([]byte{0, 1}, make([]byte, 254)...)
	for i := 2; i < 204; i++ {
		block[i] = 0xFF
	}
	prefix, err := hex.DecodeString("3031300d060960864801650304020105000420")
	if err != nil {
		t.Fatal(err)
	}
	copy(block[205:], prefix)
	copy(block[224:], digest)
	return "112a8086ff" + hex.EncodeToString(block[:255]), "012a808601" + hex.EncodeToString(block[255:]) + "00"
}

// A whole login on a CPS4, in the commands and the order of the vendor's module: what
// the card is, its files, the PIN's tries, the PIN, a signature, the tries once more.
func TestCPS4Login(t *testing.T) {
	c, ids := card(t, "cps4")
	sum := sha256.Sum256([]byte("TEST login"))
	first, last := chained(t, sum[:])
	for _, step := range []struct{ command, data, status string }{
		{"01a4040c08 8025000001ff0100", "", "9000"},
		{"01a4080002 2f00 00", "6f", "9000"}, {"01b0000004", "61", "9000"},
		{"01a4080002 d003 00", "6f", "9000"}, {"01b000000c", "5a0a802500000112345678", "9000"},
		{"01a4080002 d010 00", "", "6a82"}, // no activation, which is allowed
		{"01a4080004 00015031 00", "6f", "9000"}, {"01a4080004 00015032 00", "6f", "9000"},
		{"01a4080004 00017001 00", "6f", "9000"}, {"01a4080004 00017002 00", "6f", "9000"},
		{"01a4080004 00017005 00", "6f", "9000"}, {"01a4080004 0001d10a 00", "6f", "9000"},
		{"01b00000e7", hex.EncodeToString(ids[0].Cert.Raw[:0xE7]), "9000"},
		{"01200001", "", "63c3"}, // no data: how many tries are left
		{"01a4000002 3f00", "", "9000"},
		{"0120000104 31323334", "", "9000"},
		{"012241b803 830120", "", "9000"}, {first, "", "9000"},
	} {
		data, status := send(t, c, step.command)
		if got := hex.EncodeToString(data); status != step.status || !strings.HasPrefix(got, step.data) || step.data == "" && got != "" {
			t.Fatalf("%s: %s %s, want %s… %s", step.command, got, status, step.data, step.status)
		}
	}
	data, status := send(t, c, last)
	if err := rsa.VerifyPKCS1v15(ids[0].Cert.PublicKey.(*rsa.PublicKey), crypto.SHA256, sum[:], whole(t, c, "01", data, status)); err != nil {
		t.Error(err)
	}
	if _, status := send(t, c, "01200001"); status != "9000" {
		t.Errorf("after the PIN the card says %s", status)
	}
	c.Reset()
	if _, status := send(t, c, "01200001"); status != "63c3" {
		t.Errorf("after a reset the card says %s", status)
	}
}

// The signature key of a CPS3, which OpenSC does not use, signs a hash, and data
// of which the host has hashed the beginning.
func TestCPS3Signature(t *testing.T) {
	c, ids := card(t, "cps3")
	key := ids[1].Cert.PublicKey.(*rsa.PublicKey)
	sum := sha256.Sum256([]byte("TEST"))
	set := "002241b606 800142 840181"
	if _, status := send(t, c, set, "002a9e9a20"+hex.EncodeToString(sum[:])); status != "6982" {
		t.Errorf("without the PIN: %s", status)
	}
	data, status := send(t, c, "0020000104 31323334", set, "002a9e9a20"+hex.EncodeToString(sum[:]))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], whole(t, c, "00", data, status)); err != nil {
		t.Errorf("over a hash: %v", err)
	}

	text := strings.Repeat("TEST", 40) // 160 bytes: two whole blocks and a remainder
	h := sha256.New()
	h.Write([]byte(text[:128]))
	state, err := h.(interface{ MarshalBinary() ([]byte, error) }).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	begun := hex.EncodeToString(state[4:36]) + "0000000000000400" // 1024 bits
	hash := "9028" + begun + "8020" + hex.EncodeToString([]byte(text[128:]))
	data, status = send(t, c, "002241aa03 800140", "002a90a0"+hex.EncodeToString([]byte{byte(len(hash) / 2)})+hash, set, "002a9e9a00")
	sum = sha256.Sum256([]byte(text))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], whole(t, c, "00", data, status)); err != nil {
		t.Errorf("over data: %v", err)
	}
}

func TestCPS3Reading(t *testing.T) {
	c, ids := card(t, "cps3")
	for _, step := range []struct{ command, status string }{
		{"00a4090c04 3f002f00", "9000"}, {"00b00000e7", "6c"}, // less than asked for
		{"00b0010001", "6b00"}, {"00a4090c06 3f000001ffff", "6a82"}, {"00a4030c02 3f00", "6a86"},
		{"80b0000001", "6e00"}, {"00ff0000", "6d00"}, {"00a40904043f00", "6700"}, {"00", "6700"},
		{"00b09c000c", "9000"}, {"00b0850001", "6a82"}, {"00a4020c02 3f00", "9000"}, {"00b0000001", "6985"},
		{"0088000001 00", "6985"}, {"002241a406 800102 840199", "6a88"}, {"0020000200", "6a88"}, {"00cb3fff02 4d00", "6a80"},
	} {
		if _, status := send(t, c, step.command); !strings.HasPrefix(status, step.status) {
			t.Errorf("%s: %s, want %s", step.command, status, step.status)
		}
	}
	send(t, c, "00a4090c06 3f000001d10a")
	var cert []byte
	for len(cert) < len(ids[0].Cert.Raw) {
		n := min(0xE7, len(ids[0].Cert.Raw)-len(cert))
		part, status := send(t, c, hex.EncodeToString([]byte{0, 0xB0, byte(len(cert) >> 8), byte(len(cert)), byte(n)}))
		if status != "9000" {
			t.Fatalf("at %d: %s", len(cert), status)
		}
		cert = append(cert, part...)
	}
	if string(cert) != string(ids[0].Cert.Raw) {
		t.Error("another certificate")
	}
}

// OpenSC asks for the PIN's policy under the name of its object, and 0.26 under the name
// 00, which it takes in the answer too.
func TestCPS3Policy(t *testing.T) {
	c, _ := card(t, "cps3")
	policy := "a0169a01039b01039d027fff80020008a1068c0461000000"
	for ask, want := range map[string]string{
		"00cb3fff 0a 4d087006 bf8101 02a080": "701cbf810118" + policy,
		"00cb3fff 0a 4d087006 bf8000 02a080": "701cbf800018" + policy,
	} {
		data, status := send(t, c, "00a40904023f00", ask)
		if !strings.HasPrefix(status, "61") {
			t.Errorf("%s: %s", ask, status)
			continue
		}
		if got := hex.EncodeToString(whole(t, c, "00", data, status)); got != want {
			t.Errorf("%s: %s, want %s", ask, got, want)
		}
	}
}

// Content that no card can hold is refused when the card is made.
func TestRefusedContent(t *testing.T) {
	_, ids := card(t, "piv")
	small := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: big.NewInt(15), E: 3}}
	for name, content := range map[string]vcard.CPSContent{
		"serial": {Serial: "1", Authentication: ids[0]}, "key": {Serial: "12345678", Authentication: &vcard.Identity{Key: small, Cert: ids[0].Cert}},
	} {
		if _, err := vcard.NewCPS3(content, vcard.NewPIN("1234", 3)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := vcard.NewPIV(vcard.PIVContent{Authentication: &vcard.Identity{Key: small, Cert: ids[0].Cert}}, vcard.NewPIN("1234", 3)); err == nil {
		t.Error("a key without a PIV algorithm is accepted")
	}
}

// A card answers every command with a status word.
func FuzzTransmit(f *testing.F) {
	f.Add([]byte{0, 0xA4, 4, 0, 9, 0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0}, []byte{0, 0x87, 7, 0x9A, 2, 0x7C, 0})
	f.Add([]byte{0, 0xCB, 0x3F, 0xFF, 0x0A, 0x4D, 8, 0x70, 6, 0xBF, 0x81, 1, 2, 0xA0, 0x80}, []byte{0, 0x2A, 0x90, 0xA0, 2, 0x90, 0x28})
	pki, err := demopki.New(time.Now())
	if err != nil {
		f.Fatal(err)
	}
	var cards []vcard.Card
	for _, kind := range virtual.Types() {
		c, err := virtual.NewCard(pki.Intermediate, virtual.CardOptions{Type: kind})
		if err != nil {
			f.Fatal(err)
		}
		cards = append(cards, c)
	}
	contactless, err := virtual.NewCard(pki.Intermediate, virtual.CardOptions{Contactless: true})
	if err != nil {
		f.Fatal(err)
	}
	cards = append(cards, contactless, vcard.NewBadge())
	f.Fuzz(func(t *testing.T, one, two []byte) {
		for _, c := range cards {
			c.Reset()
			for _, command := range [][]byte{one, two, one} {
				if answer := c.Transmit(command); len(answer) < 2 || len(answer) > 258 {
					t.Fatalf("%x: %d bytes", command, len(answer))
				}
			}
		}
	})
}
