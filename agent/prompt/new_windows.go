package prompt

func newDialogs(Options) Prompter { return shown{show: showNative, pin: askNativePIN} }
