package prompt

func newDialogs(o Options) Prompter {
	n := natives{log: o.Logger}
	return nativeDialogs{platform: platform{show: n.show, pin: n.pin, quiet: true}, log: o.Logger}
}
