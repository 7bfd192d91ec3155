package sites

import (
	"errors"
	"fmt"
)

// words is the catalogue of this package: why nothing is remembered, and why a
// site was not forgotten.
type words struct {
	noKeyring, locked, slow, refused                        string
	damaged, otherKey, keyLost, full, notRemembered, origin string
	keptNoKeyring, keptLocked, keptSlow, keptRefused, kept  string
}

var texts = map[string]words{
	"fr": {
		noKeyring:     "Ce poste n’a pas de trousseau de clés : aucun site n’est mémorisé, votre accord est demandé à chaque fois.",
		locked:        "Le trousseau de clés est verrouillé : aucun site n’est mémorisé, votre accord est demandé à chaque fois.",
		slow:          "Le trousseau de clés ne répond pas : aucun site n’est mémorisé, votre accord est demandé à chaque fois.",
		refused:       "Le trousseau de clés refuse l’accès : aucun site n’est mémorisé, votre accord est demandé à chaque fois.",
		damaged:       "La liste des sites autorisés est abîmée : elle est ignorée et conservée à part. Vous pouvez autoriser de nouveau chaque site.",
		otherKey:      "La liste des sites autorisés est une copie ancienne ou vient d’ailleurs : elle est ignorée et conservée à part. Vous pouvez autoriser de nouveau chaque site.",
		keyLost:       "La clé de la liste des sites autorisés n’est plus dans le trousseau : la liste est ignorée et conservée à part. Vous pouvez autoriser de nouveau chaque site.",
		full:          "La liste des sites autorisés est pleine. Oubliez-en un pour en ajouter un autre.",
		notRemembered: "Ce site n’est pas dans la liste des sites autorisés.",
		origin:        "Un site s’écrit comme dans la liste, par exemple https://portail.example.fr, sans chemin ni barre finale.",

		keptNoKeyring: "Ce site n’a pas pu être oublié : ce poste n’a pas de trousseau de clés. Recommencez dès que le trousseau est là.",
		keptLocked:    "Ce site n’a pas pu être oublié : le trousseau de clés est verrouillé. Déverrouillez-le, puis recommencez.",
		keptSlow:      "Ce site n’a pas pu être oublié : le trousseau de clés ne répond pas. Rouvrez la session, puis recommencez.",
		keptRefused:   "Ce site n’a pas pu être oublié : le trousseau de clés refuse l’accès. Rouvrez la session, puis recommencez.",
		kept:          "Ce site n’a pas pu être oublié : %v",
	},
	"en": {
		noKeyring:     "This workstation has no keyring: no site is remembered, you are asked each time.",
		locked:        "The keyring is locked: no site is remembered, you are asked each time.",
		slow:          "The keyring does not answer: no site is remembered, you are asked each time.",
		refused:       "The keyring refuses access: no site is remembered, you are asked each time.",
		damaged:       "The list of allowed sites is damaged: it is ignored and kept aside. You can allow each site again.",
		otherKey:      "The list of allowed sites is an old copy or comes from elsewhere: it is ignored and kept aside. You can allow each site again.",
		keyLost:       "The key of the list of allowed sites is not in the keyring any more: the list is ignored and kept aside. You can allow each site again.",
		full:          "The list of allowed sites is full. Forget one to add another.",
		notRemembered: "This site is not in the list of allowed sites.",
		origin:        "A site is written as in the list, for example https://portail.example.fr, without a path or a final slash.",

		keptNoKeyring: "This site could not be forgotten: this workstation has no keyring. Run this again once the keyring is there.",
		keptLocked:    "This site could not be forgotten: the keyring is locked. Unlock it, then run this again.",
		keptSlow:      "This site could not be forgotten: the keyring does not answer. Log in to the desktop again, then run this again.",
		keptRefused:   "This site could not be forgotten: the keyring refuses access. Log in to the desktop again, then run this again.",
		kept:          "This site could not be forgotten: %v",
	},
}

// kinds are the errors, each with its name for programs and its words.
var kinds = []struct {
	is     error
	reason string
	text   func(w words) string
}{
	{ErrNoKeyring, "no_keyring", func(w words) string { return w.noKeyring }},
	{ErrLocked, "keyring_locked", func(w words) string { return w.locked }},
	{ErrSlow, "keyring_slow", func(w words) string { return w.slow }},
	{ErrRefused, "keyring_refused", func(w words) string { return w.refused }},
	{ErrDamaged, "list_damaged", func(w words) string { return w.damaged }},
	{ErrOtherKey, "list_other_key", func(w words) string { return w.otherKey }},
	{ErrKeyLost, "list_key_lost", func(w words) string { return w.keyLost }},
	{ErrFull, "list_full", func(w words) string { return w.full }},
	{ErrNotRemembered, "not_remembered", func(w words) string { return w.notRemembered }},
	{ErrOrigin, "not_an_origin", func(w words) string { return w.origin }},
}

// Why puts an error of this package into words for a person; lang is "fr" or
// "en". It is "" for nil.
func Why(err error, lang string) string {
	w, ok := texts[lang]
	if !ok {
		w = texts["fr"]
	}
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return k.text(w)
		}
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// WhyKept puts into words why a site was not forgotten. Where the keyring is the
// reason the site stands in the list and counts again once the keyring opens,
// which is not what Why says.
func WhyKept(err error, lang string) string {
	w, ok := texts[lang]
	if !ok {
		w = texts["fr"]
	}
	switch {
	case errors.Is(err, ErrNoKeyring):
		return w.keptNoKeyring
	case errors.Is(err, ErrLocked):
		return w.keptLocked
	case errors.Is(err, ErrSlow):
		return w.keptSlow
	case errors.Is(err, ErrRefused):
		return w.keptRefused
	case Reason(err) == "failed":
		return fmt.Sprintf(w.kept, err)
	}
	return Why(err, lang)
}

// Reason is the name of an error of this package for programs: "" for nil,
// "failed" for what has none.
func Reason(err error) string {
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return k.reason
		}
	}
	if err == nil {
		return ""
	}
	return "failed"
}
