package prompt

import "fmt"

// words is the catalogue of the dialogs.
type words struct {
	title, site, program, consent, allow, refuse        string
	chosen, use, next, cancel                           string
	card, pin, ok, wrongPIN, finalTry, countLow, pinPad string
	lengths, fixedLength, insert, connect, confirm      string
	renew, unsure, which, expires, soon                 string
	always, yesAlways, notAlways, copy, copied, close   string
}

var texts = map[string]words{
	"fr": {
		title: "CPx Bridge", site: "Identification demandée par le site\n%s", program: "depuis le programme %s",
		consent: "Pour cette fois, autorisez-vous ce site à utiliser votre carte afin de vous identifier ?",
		allow:   "Autoriser", refuse: "Refuser",
		chosen: "Quel certificat utiliser ? (%d sur %d)", use: "Utiliser", next: "Suivant", cancel: "Annuler",
		card: "Carte de %s", pin: "Code porteur :", ok: "Valider",
		wrongPIN: "Code porteur incorrect.",
		finalTry: "Attention : dernier essai avant le blocage de la carte.",
		countLow: "Attention : un code faux a déjà été saisi, il reste peu d’essais.",
		pinPad:   "Saisissez votre code porteur sur le clavier du lecteur.",
		lengths:  "Le code porteur compte de %d à %d caractères. Rien n’a été envoyé à la carte.", fixedLength: "Le code porteur compte %d caractères. Rien n’a été envoyé à la carte.",
		confirm: "Votre carte est déjà déverrouillée. Pour cette fois, autorisez-vous ce site à l’utiliser afin de vous identifier ?",
		renew:   "Cette carte expire le %s : pensez à la faire renouveler.",
		unsure:  "Le lecteur n’a pas répondu à temps. Saisissez de nouveau votre code porteur.",
		insert:  "Insérez votre carte dans le lecteur. Cette fenêtre se fermera d’elle-même.",
		connect: "Aucun lecteur de cartes n’est détecté. Branchez le lecteur et insérez-y votre carte. Cette fenêtre se fermera d’elle-même.",
		which:   "Quel certificat utiliser ?", expires: "expire le %s",
		soon:      "Votre code porteur va vous être demandé…",
		always:    "Autoriser désormais ce site à utiliser votre carte à chaque fois, sans vous demander votre accord ? Votre code porteur, lui, vous sera toujours demandé.",
		yesAlways: "Toujours autoriser", notAlways: "Demander à chaque fois",
		copy: "Copier", copied: "Copié", close: "Fermer",
	},
	"en": {
		title: "CPx Bridge", site: "Login asked for by the site\n%s", program: "from the program %s",
		consent: "Do you allow this site to use your card to log you in, this once?",
		allow:   "Allow", refuse: "Refuse",
		chosen: "Which certificate? (%d of %d)", use: "Use", next: "Next", cancel: "Cancel",
		card: "Card of %s", pin: "PIN:", ok: "OK",
		wrongPIN: "Wrong PIN.",
		finalTry: "Careful: this is the last try before the card is locked.",
		countLow: "Careful: a wrong PIN was typed before, few tries are left.",
		pinPad:   "Type your PIN on the reader’s own keys.",
		lengths:  "The PIN has %d to %d characters. Nothing was sent to the card.", fixedLength: "The PIN has %d characters. Nothing was sent to the card.",
		confirm: "Your card is unlocked already. Do you allow this site to use it to log you in, this once?",
		renew:   "This card expires on %s: have it renewed.",
		unsure:  "The reader did not answer in time. Type your PIN once more.",
		insert:  "Insert your card into the reader. This window closes by itself.",
		connect: "No card reader is found. Connect the reader and insert your card into it. This window closes by itself.",
		which:   "Which certificate do you want to use?", expires: "expires on %s",
		soon:      "You are about to be asked for your PIN…",
		always:    "Allow this site to use your card from now on, without asking you first? Your PIN is still asked for each time.",
		yesAlways: "Always allow", notAlways: "Ask each time",
		copy: "Copy", copied: "Copied", close: "Close",
	},
}

func wordsOf(lang string) words {
	if w, ok := texts[lang]; ok {
		return w
	}
	return texts["fr"]
}

func (w words) describe(c Caller) string {
	text := fmt.Sprintf(w.site, safeOrigin(c.Origin))
	if c.Program != "" {
		text += "\n" + fmt.Sprintf(w.program, safe(c.Program, maxName))
	}
	return text
}

// pad is what pinentry shows where the PIN is typed on the reader.
func (w words) pad(p PIN) (list []string) {
	if wrong := w.wrong(p); wrong != "" {
		list = append(list, wrong)
	}
	return append(append(list, w.pinPad), w.warnings(p)...)
}

func (w words) choice(i, n int) string { return fmt.Sprintf(w.chosen, i, n) }

func (w words) length(low, high int) string {
	if low == high {
		return fmt.Sprintf(w.fixedLength, low)
	}
	return fmt.Sprintf(w.lengths, low, high)
}
