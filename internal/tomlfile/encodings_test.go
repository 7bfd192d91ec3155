package tomlfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

func in16(text string, order binary.AppendByteOrder) (b []byte) {
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return b
}

const mark = "\ufeff"

// TestEncodings: what editors make of a file is read where that is safe, and else
// told by name, with the line and the way out, in both languages.
func TestEncodings(t *testing.T) {
	type file struct {
		Text *string `toml:"text"`
		Part struct {
			Flag *bool `toml:"flag"`
		} `toml:"part"`
	}
	little, big := binary.LittleEndian, binary.BigEndian
	const good = "# réglages\ntext = \"é\"\n[part]\nflag = true\n"
	in32 := []byte("\xff\xfe\x00\x00t\x00\x00\x00")
	for name, c := range map[string]struct {
		text   []byte
		fr, en string // what the message begins with and holds; "": the file is read
	}{
		"a mark":                        {[]byte(mark + good), "", ""},
		"a mark, Windows' line ends":    {[]byte(mark + strings.ReplaceAll(good, "\n", "\r\n")), "", ""},
		"a mark alone":                  {[]byte(mark), "", ""},
		"nothing":                       {nil, "", ""},
		"an error after a mark":         {[]byte(mark + "\r\ntext = 1\r\n"), "f:2: text: il faut un texte entre guillemets", "f:2: text: must be text in quotes"},
		"an unknown key after a mark":   {[]byte(mark + "\ncolour = 1"), "f:2: colour: clé inconnue", "f:2: colour: unknown key"},
		"UTF-16, little end first":      {in16(mark+good, little), "f: ce fichier est enregistré en UTF-16|enregistrez-le en UTF-8", "f: this file is saved as UTF-16|save it as UTF-8"},
		"UTF-16, big end first":         {in16(mark+good, big), "f: ce fichier est enregistré en UTF-16", "f: this file is saved as UTF-16"},
		"UTF-16 without a mark":         {in16(good, little), "UTF-16", "UTF-16"},
		"UTF-16, big, without a mark":   {in16(good, big), "UTF-16", "UTF-16"},
		"UTF-16, a mark alone":          {in16(mark, little), "UTF-16", "UTF-16"},
		"UTF-16, cut":                   {in16(mark+good, little)[:31], "UTF-16", "UTF-16"},
		"UTF-32":                        {in32, "UTF-32", "UTF-32"},
		"Latin-1 in a comment":          {[]byte("text = \"a\"\n# r\xe9glages\n"), "f:2: |n’est pas en UTF-8|enregistrez le fichier en UTF-8", "f:2: |not UTF-8|save the file as UTF-8"},
		"Latin-1 in a value":            {[]byte("\n\ntext = \"\xe9\"\n"), "f:3: |UTF-8", "f:3: |UTF-8"},
		"Latin-1 after a mark":          {[]byte(mark + "\ntext = \"\xe9\"\n"), "f:2: |UTF-8", "f:2: |UTF-8"},
		"old Mac's line ends":           {[]byte("text = \"a\"\r[part]\rflag = true\r"), "f:1: |retour chariot|fins de ligne", "f:1: |carriage return|line ends"},
		"one in a comment":              {[]byte("\n# a\rtext = \"a\"\n"), "f:2: |retour chariot", "f:2: |carriage return"},
		"NULs":                          {bytes.Repeat([]byte{0}, 64), "f:1: |octets nuls|écrivez-le à nouveau", "f:1: |NUL bytes|write it anew"},
		"a NUL":                         {[]byte("text = \"a\"\n[part]\n\x00\x00"), "f:3: |octets nuls", "f:3: |NUL bytes"},
		"a mark inside, of two joined":  {[]byte("text = \"a\"\n" + mark + "[part]\n"), "f:2: |caractère invisible|U+FEFF", "f:2: |invisible character|U+FEFF"},
		"two marks":                     {[]byte(mark + mark + good), "U+FEFF", "U+FEFF"},
		"a space that does not break":   {[]byte("\ntext\u00a0= \"a\"\n"), "f:2: |U+00A0", "f:2: |U+00A0"},
		"the same after the value":      {[]byte("text = \"a\"\u00a0\n"), "f:1: |U+00A0", "f:1: |U+00A0"},
		"a space of no width":           {[]byte("text\u200b = \"a\"\n"), "f:1: |U+200B", "f:1: |U+200B"},
		"such a space within a text":    {[]byte("text = \"a\u00a0b\u200b\" # \u00a0\n"), "", ""},
		"quotes of a word processor":    {[]byte("\ntext = “a”\n"), "f:2: |guillemets|\"", "f:2: |quotes|\""},
		"French ones":                   {[]byte("text = «\u00a0a\u00a0»\n"), "f:1: |guillemets", "f:1: |quotes"},
		"low ones":                      {[]byte("text = „a“\n"), "f:1: |guillemets", "f:1: |quotes"},
		"apostrophes":                   {[]byte("text = ‘a’\n"), "f:1: |guillemets", "f:1: |quotes"},
		"such quotes in a comment":      {[]byte("text = 1 # “a”\n"), "il faut un texte entre guillemets", "must be text in quotes"},
		"a path of Windows":             {[]byte("text = \"C:\\Windows\\x.dll\"\n"), `f:1: |barre oblique inversée|C:\\dossier`, `f:1: |backslash|C:\\folder`},
		"a path of Windows, with users": {[]byte("text = \"C:\\Users\\x.dll\"\n"), "f:1: |barre oblique inversée", "f:1: |backslash"},
	} {
		v := &file{}
		_, err := Decode("f", c.text, v)
		if c.fr == "" {
			if err != nil || strings.Contains(name, "a mark, ") && (v.Text == nil || *v.Text != "é" || v.Part.Flag == nil) {
				t.Errorf("%s: %v, %+v", name, err, v)
			}
			continue
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for lang, want := range map[string]string{language.French: c.fr, language.English: c.en} {
			begin, rest, _ := strings.Cut(want, "|")
			got := e.In(lang)
			if !strings.Contains(got, begin) || strings.HasPrefix(begin, "f:") && !strings.HasPrefix(got, begin) {
				t.Errorf("%s: %q, want %q", name, got, begin)
			}
			for _, part := range strings.Split(rest, "|") {
				if !strings.Contains(got, part) {
					t.Errorf("%s: %q is missing in %q", name, part, got)
				}
			}
		}
		if e.Error() != e.In(language.English) {
			t.Errorf("%s: %q is not %q", name, e.Error(), e.In(language.English))
		}
	}
}
