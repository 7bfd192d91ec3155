package attack

// Line is a way to do harm that has brought down, or was found in, other programs of
// this kind; docs/attack-surface.md has the same numbers.
type Line struct{ Title, Outcome string }

// Lines are what agent and portal must stand up to; the first is number 1.
var Lines = []Line{
	{"origin", "an Origin that is missing, doubled or not as browsers write it is refused before the upgrade; a look-alike is refused, or shown as what it is"},
	{"framing", "consent and PIN stand between a framed or scripted allowed page and a signature, and name the origin that is signed"},
	{"rebinding", "a Host that is not a loopback name with our port is refused, on http and on the socket"},
	{"cross-site requests", "nothing but the socket of an origin that may connect has an effect"},
	{"presence", "an origin that is not allowed learns neither version, card, reader nor name"},
	{"network", "nobody listens but on loopback"},
	{"local program", "a program of the same person that states an allowed origin still meets the PIN, and the dialog names it"},
	{"other user", "a connection of another user is closed before a byte"},
	{"squatted port", "a stranger on the port learns origin and nonce, and the page goes on to the next"},
	{"signing oracle", "only the agent's own structure over origin and nonce is ever signed"},
	{"replay and relay", "a nonce that is used, expired or another's, and another site's origin, are refused"},
	{"token tampering", "a token that was altered anywhere is refused with a typed error"},
	{"card swap", "nothing is signed with another card than the one that was chosen"},
	{"PIN lock-out", "no try is spent that a person did not make"},
	{"PIN leaks", "the PIN is in no log, argument, environment, file or dump"},
	{"dialog spoofing", "hostile text is shown as what it is, and the registrable domain is always visible"},
	{"resources", "memory is bounded and others go on working"},
	{"module", "a module that hangs, crashes or lies costs its own call, and comes from no untrusted place"},
	{"local certificate", "it is constrained to localhost, its key is in the keyring alone, and removal takes it out of every store"},
	{"settings", "a person's settings cannot widen the machine's, and malformed policy stops the agent"},
	{"log lines", "control characters from outside are escaped, and a report carries no identity"},
	{"wearing down", "at most three dialogs of strangers in a minute, then none for five; an allowed portal logs in meanwhile as if alone"},
	{"log flood", "what happened before a flood is still there after it, and the flood is counted"},
	{"owners", "a policy, module or pinentry that another user may write is not taken from the machine's policy"},
	{"debugger", "a debugger of the same user is refused on each of our processes that sees a PIN"},
	{"issuers", "an issuer is held to its extended key usage, policies, path length and names"},
	{"portal worn down", "nothing is stored for strangers, no login becomes slower, nobody is kept out by others"},
	{"lost card", "a card that was detached has no session left and can do nothing more to the account"},
}
