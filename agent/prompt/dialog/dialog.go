// Package dialog holds package prompt's request to a window of our own, and the
// answer, as they cross the pipe between the agent and the window's process. They are
// plain values. All text in them is ready to show: safe, short enough, in the person's
// language.
package dialog

// The answers of a button.
const (
	OK     = "ok"
	Cancel = "cancel"
	Copy   = "copy"  // copies the body; the window stays open
	Never  = "never" // refuses, also from now on
)

// Request is one window, from top to bottom. Empty parts are left out.
type Request struct {
	Title   string   `json:"title"`
	Site    string   `json:"site,omitempty"`   // the line before the origin
	Origin  string   `json:"origin,omitempty"` // never shortened by the window
	Domain  string   `json:"domain,omitempty"` // the emphasised part of the origin; "": all of it
	Program string   `json:"program,omitempty"`
	Holder  []string `json:"holder,omitempty"` // lines, of which the first is emphasised
	Alerts  []string `json:"alerts,omitempty"` // what went wrong, and what could
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
	Default bool   `json:"default,omitempty"` // Enter presses it
}

// Answer is what the person did.
type Answer struct {
	Answer string `json:"answer"` // OK, Cancel or Never
	Row    int    `json:"row"`
}
