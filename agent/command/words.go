package command

// words is what the commands say to a person, in the person's language. What is
// wrong with the use of a command is said in English only, as its usage.
type words struct {
	hangs, starting, noAnswer, cardsLate                          string
	detail, noCertificate, ambiguous, notForLogin                 string
	autostartOn, autostartOff, autostartMissing, autostartMachine string
}

var texts = map[string]words{
	"fr": {
		hangs:            "CPx Bridge tourne déjà (processus %d) et ne répond pas. Terminez ce processus, puis recommencez.",
		starting:         "CPx Bridge est en train de démarrer (processus %d).",
		noAnswer:         "l’agent en marche ne répond pas : les cartes sont lues sans lui",
		cardsLate:        "les cartes n’ont pas répondu à temps : recommencez, ou débranchez puis rebranchez le lecteur",
		detail:           "(détail technique : %s)",
		noCertificate:    "aucun certificat d’une carte présente ne commence par « %s » ; « cpx-agent certs » les liste",
		ambiguous:        "« %s » est le début de %d certificats : donnez-en plus",
		notForLogin:      "ce certificat ne permet pas de s’identifier : %s",
		autostartOn:      "CPx Bridge démarre avec votre session : %s",
		autostartOff:     "CPx Bridge ne démarre pas avec votre session.",
		autostartMissing: "CPx Bridge ne démarre pas avec votre session : %s nomme %s, qui n’existe pas.",
		autostartMachine: "l’administrateur de ce poste fait démarrer CPx Bridge pour tous ; ce réglage est le sien",
	},
	"en": {
		hangs:            "CPx Bridge runs already (process %d) and does not answer. End that process, then try again.",
		starting:         "CPx Bridge is starting (process %d).",
		noAnswer:         "the running agent does not answer: the cards are read without it",
		cardsLate:        "the cards did not answer in time: try again, or unplug the reader and plug it in again",
		detail:           "(technical detail: %s)",
		noCertificate:    "no certificate on a card begins with “%s”; `cpx-agent certs` lists them",
		ambiguous:        "“%s” is the beginning of %d certificates; give more of it",
		notForLogin:      "this certificate cannot be used for a login: %s",
		autostartOn:      "CPx Bridge starts with your desktop: %s",
		autostartOff:     "CPx Bridge does not start with your desktop.",
		autostartMissing: "CPx Bridge does not start with your desktop: %s names %s, which does not exist.",
		autostartMachine: "this machine's administrator starts CPx Bridge for everyone; that setting is theirs",
	},
}
