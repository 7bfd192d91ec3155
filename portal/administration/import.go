package administration

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cpx-bridge/cpx-bridge/internal/textfile"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// What a file to import may have.
const (
	maxImport   = 16 << 20
	maxAccounts = 20_000
)

// columns are the fields of an account, each with what its column may be called, in either
// letter case, with accents or without.
var columns = map[string][]string{
	"name":     {"name", "login", "user", "username", "user name", "identifiant", "utilisateur", "nom d'utilisateur"},
	"display":  {"display", "display name", "nom", "nom affiche"},
	"service":  {"service"},
	"region":   {"region"},
	"password": {"password", "mot de passe"},
}

// LineError is what is wrong with a line of a file to import.
type LineError struct {
	Line int // 0: with the whole file
	Text string
}

func (e LineError) String() string {
	if e.Line == 0 {
		return e.Text
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Text)
}

// ImportError is all that is wrong with a file to import.
type ImportError struct{ Lines []LineError }

func (e *ImportError) Error() string {
	texts := make([]string, len(e.Lines))
	for i, l := range e.Lines {
		texts[i] = l.String()
	}
	return strings.Join(texts, "\n")
}

func whole(format string, args ...any) error {
	return &ImportError{[]LineError{{0, fmt.Sprintf(format, args...)}}}
}

// Imported is an account of a file.
type Imported struct {
	NewAccount
	Line int
	// Generated says that the file had no password for it.
	Generated bool
}

// ReadAccounts reads a CSV file as spreadsheets write it: separated by semicolons, commas or
// tabs, in UTF-8 with or without a byte order mark, with any line ends. Its first line names
// the columns. An account without a password gets one. The error is an *ImportError with all
// that is wrong, by line.
func (a *Administration) ReadAccounts(ctx context.Context, content []byte) ([]Imported, error) {
	text, err := importText(content)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(text))
	skipped := 0
	if rest, comma, found := separatorLine(text); found { // Excel's own: sep=;
		r = csv.NewReader(bytes.NewReader(rest))
		r.Comma, skipped = comma, 1
	} else {
		r.Comma = separator(text)
	}
	r.FieldsPerRecord = -1
	header, err := r.Read()
	if err != nil {
		return nil, csvError(err, skipped)
	}
	at, err := columnsOf(header)
	if err != nil {
		return nil, err
	}
	in := importing{Administration: a, at: at, width: len(header), skipped: skipped, seen: map[string]int{}}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, csvError(err, skipped)
		}
		line, _ := r.FieldPos(0)
		if err := in.add(ctx, record, line+skipped); err != nil {
			return nil, err
		}
	}
	switch {
	case len(in.wrong) > 0:
		return nil, &ImportError{in.wrong}
	case len(in.list) == 0:
		return nil, whole("has no account below its first line")
	}
	return in.list, nil
}

// importText is the content as UTF-8.
func importText(content []byte) ([]byte, error) {
	if len(content) > maxImport {
		return nil, whole("is larger than %d MiB", maxImport>>20)
	}
	const cure = `in Excel save it as "CSV UTF-8", in LibreOffice with the character set "UTF-8"`
	text, is := textfile.Read(content)
	if is != textfile.UTF8 {
		return nil, whole("is saved as %s: %s", is, cure)
	}
	if bytes.HasPrefix(text, []byte("PK\x03\x04")) || bytes.HasPrefix(text, []byte("\xd0\xcf\x11\xe0")) {
		return nil, whole("is a spreadsheet, not CSV: %s", cure)
	}
	for i, line := range bytes.Split(text, []byte("\n")) {
		if !utf8.Valid(line) {
			return nil, &ImportError{[]LineError{{i + 1, "is not UTF-8, but probably Windows-1252, whose accents would be lost: " + cure + ", or convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE > OTHER"}}}
		}
	}
	if bytes.Contains(text, []byte("\r")) && !bytes.Contains(text, []byte("\n")) {
		text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n")) // the line ends of old Macs
	}
	return text, nil
}

// separatorLine reads Excel's first line that names the separator.
func separatorLine(text []byte) (rest []byte, comma rune, found bool) {
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	first = bytes.Trim(first, "\r\"")
	if len(first) != 5 || !bytes.EqualFold(first[:4], []byte("sep=")) || !strings.ContainsRune(";,\t", rune(first[4])) {
		return nil, 0, false
	}
	return rest, rune(first[4]), true
}

// separator is the one that the first line has most of.
func separator(text []byte) rune {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	best, most := ',', 0
	for _, r := range ";,\t" {
		if n := bytes.Count(first, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

// csvError is the library's error as one of ours.
func csvError(err error, skipped int) error {
	if errors.Is(err, io.EOF) {
		return whole("is empty")
	}
	if bad, is := errors.AsType[*csv.ParseError](err); is {
		text := "a quotation mark stands where none may: write it twice within quotes"
		if errors.Is(bad.Err, csv.ErrQuote) && bad.StartLine != bad.Line {
			text = "a quotation mark that is opened here is not closed"
		}
		return &ImportError{[]LineError{{bad.StartLine + skipped, text}}}
	}
	return whole("%v", err)
}

// columnsOf are the places of the fields by the first line's names.
func columnsOf(header []string) (map[string]int, error) {
	at := map[string]int{}
	for i, title := range header {
		title = strings.ToLower(strings.TrimSpace(title))
		if title == "" {
			continue
		}
		field := ""
		for name, titles := range columns {
			if slices.Contains(titles, unaccented(title)) {
				field = name
			}
		}
		if field == "" {
			return nil, &ImportError{[]LineError{{1, fmt.Sprintf("no column is called %q: there are name, display, service, region, password", title)}}}
		}
		if _, twice := at[field]; twice {
			return nil, &ImportError{[]LineError{{1, fmt.Sprintf("two columns are for the %s", field)}}}
		}
		at[field] = i
	}
	for _, field := range []string{"name", "display", "service"} {
		if _, found := at[field]; !found {
			return nil, &ImportError{[]LineError{{1, fmt.Sprintf("the column %q is missing: the first line names the columns, name, display and service, and may name region and password", field)}}}
		}
	}
	return at, nil
}

// unaccented is a text without its accents, and with typewriters' apostrophes.
func unaccented(text string) string {
	const typographic = 0x2019
	return strings.Map(func(r rune) rune {
		switch {
		case r == typographic:
			return '\''
		case unicode.Is(unicode.Mn, r):
			return -1
		}
		return r
	}, norm.NFD.String(text))
}

type importing struct {
	*Administration
	at      map[string]int
	width   int
	skipped int
	list    []Imported
	wrong   []LineError
	seen    map[string]int // the line of a name
}

// mostErrors is how many lines are complained about: then the whole file is wrong.
const mostErrors = 100

func (in *importing) refuse(line int, text string) {
	in.wrong = append(in.wrong, LineError{line, text})
}

func (in *importing) add(ctx context.Context, record []string, line int) error {
	if !slices.ContainsFunc(record, func(f string) bool { return strings.TrimSpace(f) != "" }) {
		return nil // of separators alone, as spreadsheets write below their last row
	}
	if len(in.wrong) >= mostErrors {
		return &ImportError{append(in.wrong, LineError{0, "and maybe more: these are the first"})}
	}
	if len(in.list) >= maxAccounts {
		return whole("has more than %d accounts: import it in parts", maxAccounts)
	}
	if len(record) != in.width && slices.ContainsFunc(record[min(in.width, len(record)):], func(f string) bool { return f != "" }) {
		in.refuse(line, fmt.Sprintf("has %d fields, and the first line %d", len(record), in.width))
		return nil // of which none is sure to be in its column
	}
	field := func(name string) string {
		if i, found := in.at[name]; found && i < len(record) {
			return record[i]
		}
		return ""
	}
	n := NewAccount{Name: strings.TrimSpace(field("name")), Display: strings.TrimSpace(field("display")), Service: strings.TrimSpace(field("service")),
		Region: strings.TrimSpace(field("region")), Password: field("password")}
	before := len(in.wrong)
	for _, fault := range in.faults(&n) {
		in.refuse(line, fault.Error())
	}
	one := Imported{n, line, n.Password == ""}
	if one.Generated {
		one.Password = rand.Text()
	}
	if length := utf8.RuneCountInString(one.Password); length < passwords.MinLength || length > passwords.MaxLength {
		in.refuse(line, passwords.ErrLength.Error())
	}
	if err := in.unused(ctx, n.Name, line); err != nil {
		return err
	}
	if len(in.wrong) == before {
		in.list = append(in.list, one)
	}
	return nil
}

// unused refuses a user name that another line or an account has.
func (in *importing) unused(ctx context.Context, name string, line int) error {
	if unfit(name) != "" {
		return nil
	}
	key := strings.ToLower(name)
	if other, twice := in.seen[key]; twice {
		in.refuse(line, fmt.Sprintf("the user name %q is on line %d already", name, other))
		return nil
	}
	in.seen[key] = line
	if _, err := in.Store.AccountByName(ctx, name); err == nil {
		in.refuse(line, fmt.Sprintf("an account has the user name %q already", name))
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

// Import adds accounts that were read, with their rows of the audit log: all of it, or nothing.
func (a *Administration) Import(ctx context.Context, list []Imported) error {
	accounts := make([]store.Account, len(list))
	for i, one := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		hash, err := passwords.Hash(one.Password)
		if err != nil {
			return &ImportError{[]LineError{{one.Line, err.Error()}}}
		}
		accounts[i] = one.stored(hash)
	}
	at, err := a.Store.AddAccounts(ctx, accounts, a.event(AccountAdded), a.Now())
	if errors.Is(err, store.ErrAccountExists) {
		return &ImportError{[]LineError{{list[at].Line, fmt.Sprintf("an account has the user name %q already", list[at].Name)}}}
	}
	return err
}
