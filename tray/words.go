package tray

import "github.com/cpx-bridge/cpx-bridge/internal/language"

// words is the catalogue of the menu.
type words struct {
	noModule, looking, noReader, noCard, unknownCard, unusable string
	ready, unlocked, several, inUse                            string

	few, fewDo, last, lastDo, none, noneDo, unset, unsetDo string
	wss, wssDo, noPIN, until, more                         string

	sites, noSites, forgets, forget, since, bySettings string
	settings, setting                                  string
	lock, refresh, diagnostic, journal, about, quit    string
	language, languageFixed                            string

	notUsed, notForgotten, notLocked, notKept, notOpened string
}

var texts = map[string]words{
	language.French: {
		noModule: "Le module de la carte ne fonctionne pas", looking: "Lecture de la carte…", noReader: "Aucun lecteur",
		noCard: "Aucune carte : insérez-la dans le lecteur", unknownCard: "Carte non reconnue", unusable: "Aucun certificat utilisable",
		ready: "Carte prête : %s", unlocked: "Carte prête et déverrouillée : %s", several: "Plusieurs certificats : choisissez le vôtre",
		inUse: "Identification en cours",

		few: "Un code porteur faux a été saisi : il reste peu d’essais", fewDo: "Vérifiez votre code avant de recommencer",
		last: "Dernier essai du code porteur avant le blocage", lastDo: "En cas de doute, n’essayez pas : demandez de l’aide",
		none: "Le code porteur est bloqué", noneDo: "Faites débloquer la carte auprès de l’organisme qui l’a délivrée",
		unset: "La carte n’a pas encore de code porteur", unsetDo: "Adressez-vous à l’organisme qui l’a délivrée",
		wss: "Le certificat de ce poste pour Safari expire bientôt", wssDo: "Lancez « cpx-agent wss install »",
		noPIN: "code porteur bloqué", until: "jusqu’au %s", more: "… et %d autres : voir Diagnostic",

		sites: "Sites autorisés", noSites: "Aucun site", forgets: "Cliquez sur un site pour l’oublier :",
		forget: "Oublier %s", since: "autorisé le %s", bySettings: "%s · fixé par les réglages",
		settings: "Réglages non pris en compte", setting: "%s, ligne %d : %s",
		lock: "Verrouiller la carte", refresh: "Actualiser", diagnostic: "Diagnostic", journal: "Journal",
		about: "À propos : CPx Bridge %s", quit: "Quitter CPx Bridge",
		language: "Langue (language)", languageFixed: "Langue : fixée par l’administrateur",

		notUsed: "Le choix n’a pas pu être enregistré", notForgotten: "Le site n’a pas pu être oublié",
		notLocked: "La carte n’a pas pu être verrouillée", notKept: "La langue ne sera pas retenue",
		notOpened: "Le journal ne s’ouvre pas. Il est ici : %s",
	},
	language.English: {
		noModule: "The card’s module does not work", looking: "Reading the card…", noReader: "No reader",
		noCard: "No card: insert it into the reader", unknownCard: "Unknown card", unusable: "No usable certificate",
		ready: "Card ready: %s", unlocked: "Card ready and unlocked: %s", several: "Several certificates: choose yours",
		inUse: "A login is under way",

		few: "A wrong PIN was typed: few tries are left", fewDo: "Make sure of your PIN before you try again",
		last: "Last try of the PIN before the card is locked", lastDo: "If in doubt, do not try: ask for help",
		none: "The PIN is locked", noneDo: "Have the card unlocked by the body that issued it",
		unset: "The card has no PIN yet", unsetDo: "Contact the body that issued it",
		wss: "This machine’s certificate for Safari expires soon", wssDo: "Run “cpx-agent wss install”",
		noPIN: "PIN locked", until: "until %s", more: "… and %d more: see Diagnostics",

		sites: "Allowed sites", noSites: "No site", forgets: "Click on a site to forget it:",
		forget: "Forget %s", since: "allowed on %s", bySettings: "%s · set by the settings",
		settings: "Settings not taken", setting: "%s, line %d: %s",
		lock: "Lock the card", refresh: "Refresh", diagnostic: "Diagnostics", journal: "Log",
		about: "About: CPx Bridge %s", quit: "Quit CPx Bridge",
		language: "Language (langue)", languageFixed: "Language: set by the administrator",

		notUsed: "The choice could not be kept", notForgotten: "The site could not be forgotten",
		notLocked: "The card could not be locked", notKept: "The language will not be remembered",
		notOpened: "The log does not open. It is here: %s",
	},
}

// languages are named each in its own words.
var languages = []struct{ id, name string }{{language.French, "Français"}, {language.English, "English"}}

func wordsOf(lang string) words {
	if w, ok := texts[lang]; ok {
		return w
	}
	return texts[language.French]
}
