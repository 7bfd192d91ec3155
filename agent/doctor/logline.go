package doctor

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// What a value of the log may be to go to a hotline, by its key. What an attribute's key
// says nothing of does not go: a key that is new here may be anybody's name.
var (
	number   = lazyregexp.New(`^-?\d{1,6}$`)
	codeName = lazyregexp.New(`^[a-z][a-z_-]{0,39}$`)
	moment   = lazyregexp.New(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$`)

	plain = map[string]*lazyregexp.Regexp{
		"code": number, "ms": number, "n": number, "line": number, "lines": number, "more": number, "readers": number, "slot": number, "seconds": number,
		audit.Key: codeName, "reason": codeName, "detail": codeName, "step": codeName, "event": codeName, "allowed": codeName, "trusted": codeName, "removed": codeName,
		"first": moment, "last": moment,
	}
	// speech are what the program, the system or a module says, where a name may be.
	speech = map[string]bool{
		"error": true, "why": true, "file": true, "path": true, "module": true, "program": true, "key": true, "setting": true, "panic": true, "info": true,
		"after": true, "how": true, "version": true, "listening": true, "address": true, "addresses": true, "says": true, "what": true, "method": true, "limits": true,
	}
	// sites are those of which one must be told from another.
	sites = map[string]bool{"origin": true, "site": true, "domain": true, "host": true}
)

// logReader makes lines of the log fit for a hotline.
type logReader struct {
	omitter
	site map[string]string
}

func newLogReader(private []string) *logReader {
	return &logReader{newOmitter(private), map[string]string{}}
}

// line is a line as the log has it, with nobody's name in it.
func (r *logReader) line(l journal.Line) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", l.Time.Format("2006-01-02 15:04:05 -0700"), l.Level, r.said(l.Message))
	for _, a := range l.Attrs {
		value := r.value(a)
		if strings.ContainsAny(value, " \"=") || value == "" {
			value = strconv.Quote(value)
		}
		fmt.Fprintf(&b, " %s=%s", key.FindString(a.Key), value)
	}
	return visible.Text(b.String())
}

var key = lazyregexp.New(`^[A-Za-z.]{1,24}`)

func (r *logReader) value(a journal.Attr) string {
	switch form := plain[a.Key]; {
	case form != nil && form.MatchString(a.Value):
		return a.Value
	case a.Key == reference.Key, a.Key == "references":
		return strings.Join(reference.In(a.Value), ",")
	case a.Value == "":
		return ""
	case sites[a.Key]:
		if r.site[a.Value] == "" {
			r.site[a.Value] = "site" + strconv.Itoa(len(r.site)+1)
		}
		return r.site[a.Value]
	case speech[a.Key]:
		return r.said(a.Value)
	}
	return omitted
}

// said is what somebody said, without names: those that are known, those that have a form,
// and, because a line may be of a person who is not here any more, each word that begins as
// a name does.
func (r *logReader) said(text string) string {
	text = strings.ReplaceAll(text, `\\`, `\`) // of a path that was quoted
	return capitals.ReplaceAllStringFunc(r.omit(text), func(word string) string {
		if technical.MatchString(word) {
			return word
		}
		return omitted
	})
}

var (
	capitals  = lazyregexp.New(`[\pL\pN_/.-]*\p{Lu}[\pL\pM\pN_/.\x{2019}'-]*`)
	technical = lazyregexp.New(`^(CKR?_\w+|C_[A-Z]\w+|SCARD_\w+|0x[0-9A-Fa-f]+|/(usr|opt|etc|lib\w*|s?bin)(/.*)?|Program|Files|Windows|System32|SysWOW64|[A-Z]|PKCS|PIN|PC/SC|PCSC|SC|CPS|CPF|CPE|CPA|HTTP|TLS|DNS|UTF-?8|JSON|TOML|DBUS|D-Bus|DBus|GTK|X11|USB|DLL|EOF|I/O|HKLM|HKCU|SOFTWARE|Policies|CPxBridge|Firefox|Chromium|Chrome|Edge|Safari|Windows|Linux|Secret|Service)[.:,;]?$`)
)
