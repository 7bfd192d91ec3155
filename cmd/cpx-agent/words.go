package main

// words is what the commands say to a person, in the person's language. What
// goes wrong in the use of a command is said in English only, as its usage.
type words struct {
	hangs, starting, noAnswer string
}

var texts = map[string]words{
	"fr": {
		hangs:    "CPx Bridge tourne déjà (processus %d) et ne répond pas. Terminez ce processus, puis recommencez.",
		starting: "CPx Bridge est en train de démarrer (processus %d).",
		noAnswer: "l’agent en marche ne répond pas (%v) : les cartes sont lues sans lui",
	},
	"en": {
		hangs:    "CPx Bridge runs already (process %d) and does not answer. End that process, then try again.",
		starting: "CPx Bridge is starting (process %d).",
		noAnswer: "the running agent does not answer (%v): the cards are read without it",
	},
}
