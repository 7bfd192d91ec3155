package sites

import "errors"

// words is the catalogue of this package: why nothing is remembered.
type words struct{ noKeyring, locked, slow, refused, damaged, otherKey, keyLost, full string }

var texts = map[string]words{
	"fr": {
		noKeyring: "Ce poste n’a pas de trousseau de clés : aucun site n’est mémorisé, votre accord est demandé à chaque fois.",
		locked:    "Le trousseau de clés est verrouillé : aucun site n’est mémorisé, votre accord est demandé à chaque fois.",
		slow:      "Le trousseau de clés ne répond pas : aucun site n’est mémorisé, votre accord est demandé à chaque fois.",
		refused:   "Le trousseau de clés refuse l’accès : aucun site n’est mémorisé, votre accord est demandé à chaque fois.",
		damaged:   "La liste des sites autorisés est abîmée : elle est ignorée et conservée à part. Vous pouvez autoriser de nouveau chaque site.",
		otherKey:  "La liste des sites autorisés est une copie ancienne ou vient d’ailleurs : elle est ignorée et conservée à part. Vous pouvez autoriser de nouveau chaque site.",
		keyLost:   "La clé de la liste des sites autorisés n’est plus dans le trousseau : la liste est ignorée et conservée à part. Vous pouvez autoriser de nouveau chaque site.",
		full:      "La liste des sites autorisés est pleine. Oubliez-en un pour en ajouter un autre.",
	},
	"en": {
		noKeyring: "This workstation has no keyring: no site is remembered, you are asked each time.",
		locked:    "The keyring is locked: no site is remembered, you are asked each time.",
		slow:      "The keyring does not answer: no site is remembered, you are asked each time.",
		refused:   "The keyring refuses access: no site is remembered, you are asked each time.",
		damaged:   "The list of allowed sites is damaged: it is ignored and kept aside. You can allow each site again.",
		otherKey:  "The list of allowed sites is an old copy or comes from elsewhere: it is ignored and kept aside. You can allow each site again.",
		keyLost:   "The key of the list of allowed sites is not in the keyring any more: the list is ignored and kept aside. You can allow each site again.",
		full:      "The list of allowed sites is full. Forget one to add another.",
	},
}

// Why puts an error of this package into words for a person; lang is "fr" or
// "en". It is "" for nil.
func Why(err error, lang string) string {
	w, ok := texts[lang]
	if !ok {
		w = texts["fr"]
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrNoKeyring):
		return w.noKeyring
	case errors.Is(err, ErrLocked):
		return w.locked
	case errors.Is(err, ErrSlow):
		return w.slow
	case errors.Is(err, ErrRefused):
		return w.refused
	case errors.Is(err, ErrDamaged):
		return w.damaged
	case errors.Is(err, ErrOtherKey):
		return w.otherKey
	case errors.Is(err, ErrKeyLost):
		return w.keyLost
	case errors.Is(err, ErrFull):
		return w.full
	}
	return err.Error()
}
