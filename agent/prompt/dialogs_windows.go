package prompt

func newDialogs(o Options) Prompter {
	n := natives{log: o.Logger}
	return shown{show: n.show, pin: n.pin}
}
