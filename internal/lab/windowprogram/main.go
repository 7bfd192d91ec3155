// Command windowprogram is the process of one dialog window and nothing else, so that
// the toolkit's side of it can be built with the compiler's sanitizers.
package main

import "github.com/cpx-bridge/cpx-bridge/agent/prompt/window"

func main() { window.RunChildRole() }
