package prompt

func newDialogs(o Options) Prompter {
	n := natives{log: o.Logger}
	return platform{show: n.show, pin: n.pin, quiet: true}
}
