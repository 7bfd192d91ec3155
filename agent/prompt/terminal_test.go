//go:build !linux

package prompt

const terminalHelper = "CPX_TEST_TERMINAL"

func askOnTerminal() int { return 2 }
