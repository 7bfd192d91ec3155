// Package dialog is what package prompt asks of a window of our own, and the
// answer, as they cross the pipe between the agent and the window's process. All
// text in it is ready to be shown: safe, short enough, in the person's language.
package dialog

// The answers of a button.
const (
	OK     = "ok"
	Cancel = "cancel"
	Copy   = "copy" // copies the body; the window stands on
)

// Request is one window, from top to bottom. Empty parts are left out.
type Request struct {
	Title   string   `json:"title"`
	Site    string   `json:"site,omitempty"`   // the line before the origin
	Origin  string   `json:"origin,omitempty"` // never shortened by the window
	Domain  string   `json:"domain,omitempty"` // the part of the origin that stands out; "": all of it
	Program string   `json:"program,omitempty"`
	Holder  []string `json:"holder,omitempty"` // the first line stands out
	Alerts  []string `json:"alerts,omitempty"` // what went wrong, and what could
	Text    string   `json:"text,omitempty"`   // the question, or what to do
	Rows    []Row    `json:"rows,omitempty"`   // a list, of which one is chosen
	Body    string   `json:"body,omitempty"`   // a long text, to be read and copied
	Buttons []Button `json:"buttons"`
	// Quiet is how long, in milliseconds, no key or button must have been pressed,
	// with the keyboard at the window, before it takes keys and clicks. It is 0
	// for a window that the person opened.
	Quiet int `json:"quiet,omitempty"`
	// Passes makes a window without buttons, which answers OK as soon as others
	// would take keys.
	Passes bool `json:"passes,omitempty"`
}

// Row is one entry of the list.
type Row struct {
	Name   string `json:"name"` // stands out; the window shortens it, with the rest in a tip
	Detail string `json:"detail,omitempty"`
	Note   string `json:"note,omitempty"`
	Spoken string `json:"spoken"` // the whole row as one sentence, for a screen reader
}

// Button is one button, in the order of the Tab key.
type Button struct {
	Label   string `json:"label"` // an underscore stands before the letter of its shortcut
	Done    string `json:"done,omitempty"`
	Answer  string `json:"answer"`
	Default bool   `json:"default,omitempty"` // Enter presses it
}

// Answer is what the person did.
type Answer struct {
	Answer string `json:"answer"` // OK or Cancel
	Row    int    `json:"row"`
}
