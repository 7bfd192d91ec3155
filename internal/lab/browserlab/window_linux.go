package browserlab

import (
	"context"
	"image"
)

// window is a browser's window, with one page.
type window interface {
	open(ctx context.Context, address string) error
	// read reads the portal's page, which may be in a frame.
	read(ctx context.Context) (view, error)
	// press clicks on the page's card button, and waits until the click has arrived.
	press(ctx context.Context) error
	// question is the browser's own question, nil where it shows none.
	question(ctx context.Context) (*question, error)
	// wave dismisses the question without an answer, as a person does.
	wave(ctx context.Context, q *question) error
	// unblock removes the site's block in the browser's own settings, beside the
	// address: named reports whether the page mentions a setting by that name, and
	// shown is called once the settings are visible.
	unblock(ctx context.Context, named func(string) bool, shown func() error) error
	// focus gives the keyboard to the card button.
	focus(ctx context.Context) error
	close()
}

// question is the browser's question, with its buttons' positions on the screen.
type question struct {
	Text    string
	Buttons map[string]image.Point
}

// answers are the names of the buttons, as our texts call them.
type answers struct{ allow, block string }

func answersIn(lang string) answers {
	if lang == "en" {
		return answers{"Allow", "Block"}
	}
	return answers{"Autoriser", "Bloquer"}
}

// view is what the portal's page shows.
type view struct {
	Address, Heading        string
	Ready                   bool
	State, Reason, Progress string
	Title, Help             string
	Causes                  []string
	Link                    string
	Button                  bool // whether the card button exists
}

// ended reports whether the page says that the login has failed, or was cancelled.
func (v view) ended() bool { return v.State == "error" || v.State == "cancelled" }

const cardButton = "#card-login"

// viewScript is the expression that reads a view.
const viewScript = `(() => {
	const e = document.querySelector("cpx-login"), root = e?.shadowRoot;
	const text = (part) => {
		const p = root?.querySelector("[part=" + part + "]");
		return p?.getClientRects().length ? p.textContent.trim() : "";
	};
	return {
		Address: location.href, Ready: document.readyState === "complete", Heading: document.querySelector("h1")?.innerText ?? "",
		State: e?.state ?? "", Reason: e?.error ? [e.error.reason, e.error.detail].filter((x) => x).join(".") : "",
		Progress: text("text"), Title: text("title"), Help: text("help"),
		Causes: [...root?.querySelectorAll("[part=list] li") ?? []].map((e) => e.textContent.trim()),
		Link: [...root?.querySelectorAll("[part=link]") ?? []].map((a) => a.textContent + ": " + a.href.replace(location.origin, "")).join(),
		Button: !!root && !!document.querySelector("` + cardButton + `"),
	};
})()`
