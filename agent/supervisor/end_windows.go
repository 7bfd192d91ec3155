package supervisor

import "os"

// endAgent leaves the agent alone: what ends this process in an orderly way is the console
// that both share, which has asked the agent too. TerminateProcess would end a signature
// that the card has begun.
func endAgent(*os.Process) error { return nil }
