package prompt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// maxLine is the longest line of the Assuan protocol, in bytes without its end.
const maxLine = 1000

// maxData is longer than any PIN, in bytes.
const maxData = 4 * maxLine

// Error codes of libgpg-error, which are the lower 16 bits of its values.
const (
	codeTimeout      = 62
	codeCancelled    = 99
	codeNotConfirmed = 114
)

// assuanError is an ERR line.
type assuanError struct {
	code int
	text string
}

func (e *assuanError) Error() string { return fmt.Sprintf("pinentry: error %d: %s", e.code, e.text) }

// assuan is a connection to a pinentry program (Assuan protocol, as in the manual
// of libassuan, "Implementation"). It is for one goroutine.
type assuan struct {
	w io.Writer
	r *secretLines
}

func newAssuan(w io.Writer, r io.Reader) *assuan { return &assuan{w: w, r: &secretLines{r: r}} }

var errProtocol = errors.New("pinentry: not an answer of the Assuan protocol")

// command sends one line and returns the data of the answer, which the caller must
// clear where it is a secret.
func (a *assuan) command(line string) ([]byte, error) {
	if len(line) > maxLine || strings.ContainsAny(line, "\r\n") {
		return nil, fmt.Errorf("pinentry: the line %.20q… cannot be sent", line)
	}
	if a.r.buffered() > 0 { // an early answer must not answer a later question
		return nil, fmt.Errorf("%w: more answers than questions", errProtocol)
	}
	if _, err := io.WriteString(a.w, line+"\n"); err != nil {
		return nil, err
	}
	return a.answer()
}

func (a *assuan) answer() ([]byte, error) {
	var data []byte
	for {
		line, err := a.r.next()
		if err != nil {
			return data, err
		}
		word, rest, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(" "))
		switch string(word) {
		case "OK":
			return data, nil
		case "D":
			data = unescape(data, rest)
			if len(data) > maxData {
				return data, errProtocol
			}
		case "ERR":
			number, text, _ := strings.Cut(visible.Text(string(rest)), " ")
			code, err := strconv.Atoi(number)
			if err != nil {
				return data, errProtocol
			}
			return data, &assuanError{code & 0xffff, text}
		case "S", "#", "":
		default:
			if !bytes.HasPrefix(word, []byte("#")) {
				return data, errProtocol
			}
		}
	}
}

// unescape appends the line's data to data, and clears the old copy.
func unescape(data, line []byte) []byte {
	out := make([]byte, 0, len(data)+len(line))
	out = append(out, data...)
	clear(data)
	for i := 0; i < len(line); i++ {
		if line[i] == '%' && i+2 < len(line) {
			var v [1]byte // decoded in place: no string ever holds a part of a PIN
			if _, err := hex.Decode(v[:], line[i+1:i+3]); err == nil {
				out = append(out, v[0])
				i += 2
				continue
			}
		}
		out = append(out, line[i])
	}
	return out
}

// escape makes one line of a text.
func escape(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}
