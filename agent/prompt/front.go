package prompt

// Fronting is a Prompter whose windows can be brought in front of others.
type Fronting interface {
	// ToFront is what [ToFront] calls.
	ToFront() bool
}

// ToFront brings the window of a question that stands in front of others, as far as the
// desktop allows, and reports whether one stands. A person who starts the agent once more
// is looking for it.
func ToFront(p Prompter) bool {
	f, is := p.(Fronting)
	return is && f.ToFront()
}
