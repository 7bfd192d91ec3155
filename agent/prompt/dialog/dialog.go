// Package dialog holds package prompt's requests to a window of our own, and the
// answers, as they cross the pipes between the agent and the window's process, one JSON
// text on each line. They are plain values. All text in them is ready to show: safe,
// short enough, in the person's language.
//
// A window shows one request after the other. Each has a number, which its answer bears.
// An answer with a Length is followed by so many bytes, the PIN, which is never part of a
// JSON text.
package dialog

// The answers of a button.
const (
	OK     = "ok"
	Cancel = "cancel"
	Copy   = "copy"  // copies the button's text, else the body; the window stays open
	Never  = "never" // refuses, also from now on
)

// Request is one window, from top to bottom. Empty parts are left out.
type Request struct {
	ID      int      `json:"id,omitempty"` // greater than that of the request before, which it takes the place of
	Title   string   `json:"title"`
	Site    string   `json:"site,omitempty"`   // the line before the origin
	Origin  string   `json:"origin,omitempty"` // never shortened by the window
	Domain  string   `json:"domain,omitempty"` // the emphasised part of the origin; "": all of it
	Program string   `json:"program,omitempty"`
	Path    bool     `json:"path,omitempty"`   // Program has a path in place of a name: in small
	Holder  []string `json:"holder,omitempty"` // lines, of which the first is emphasised
	Final   string   `json:"final,omitempty"`  // that the next wrong PIN locks the card: nothing is more visible
	Wrong   string   `json:"wrong,omitempty"`  // what was wrong with the last entry, beside the entry where there is one
	Alerts  []string `json:"alerts,omitempty"` // what could go wrong
	Text    string   `json:"text,omitempty"`   // the question, or what to do
	Hint    string   `json:"hint,omitempty"`   // what a button means
	Rows    []Row    `json:"rows,omitempty"`   // a list, of which one is chosen
	Body    string   `json:"body,omitempty"`   // a long text, to be read and copied
	Buttons []Button `json:"buttons"`
	// Quiet is how long, in milliseconds, the window must have had the keyboard
	// without a key or button being pressed, before it accepts keys and clicks. It
	// is 0 for a window that the person opened.
	Quiet int `json:"quiet,omitempty"`
	// Passes makes a window without buttons, which answers OK as soon as other
	// windows would accept keys.
	Passes bool `json:"passes,omitempty"`
	// Entry is where the PIN is typed, after Text, which is its name.
	Entry *Entry `json:"entry,omitempty"`
	// Busy is a request that asks nothing: the window stands until the next one, and
	// Text says what happens. Enter does not press its button.
	Busy bool `json:"busy,omitempty"`
	// Front is no request: the one that stands is to come in front of other windows.
	Front bool `json:"front,omitempty"`
	// Then is what a window that goes on to another question shows until that comes.
	Then *Request `json:"-"`
}

// Warnings are all that is shown in the colour of errors, as one list for what does not
// tell them apart.
func (r Request) Warnings() (list []string) {
	for _, text := range append([]string{r.Wrong, r.Final}, r.Alerts...) {
		if text != "" {
			list = append(list, text)
		}
	}
	return list
}

// Entry is the field for a PIN. What is typed has at least Least and at most Most
// characters, 0 where unknown, or is not an answer.
type Entry struct {
	Least int `json:"least,omitempty"`
	Most  int `json:"most,omitempty"`
	// Continues says that it is the entry of the request before, with what was typed
	// into it: only what stands around it is new.
	Continues bool `json:"continues,omitempty"`
	// Release is after how long, in milliseconds, without a key the window gives back a
	// keyboard that it took for itself, until the next key; 0: never.
	Release  int    `json:"release,omitempty"`
	Length   string `json:"length,omitempty"` // shown where what was typed has another length
	Typed    string `json:"typed,omitempty"`  // shown where something is pasted
	Early    string `json:"early,omitempty"`  // shown where keys were typed before the entry stood
	CapsLock string `json:"caps_lock,omitempty"`
	Away     string `json:"away,omitempty"` // shown where the window has no keyboard
}

// Row is one entry of the list.
type Row struct {
	Name   string `json:"name"` // emphasised; the window shortens it, with all of it in a tip
	Detail string `json:"detail,omitempty"`
	Note   string `json:"note,omitempty"`
	Spoken string `json:"spoken"` // the whole row as one sentence, for a screen reader
}

// Button is one button, in the order of the Tab key.
type Button struct {
	Label   string `json:"label"` // with an underscore before the letter of its shortcut
	Done    string `json:"done,omitempty"`
	Answer  string `json:"answer"`
	Copies  string `json:"copies,omitempty"`  // by Copy; "": the body
	Default bool   `json:"default,omitempty"` // Enter presses it
}

// Answer is what the person did.
type Answer struct {
	ID     int    `json:"id"`     // of the request
	Answer string `json:"answer"` // OK, Cancel or Never
	Row    int    `json:"row"`
	Length int    `json:"length,omitempty"` // of the PIN, in bytes, which follow the line
}

// Longest is how many bytes a PIN may have: 64 characters of UTF-8.
const Longest = 256
