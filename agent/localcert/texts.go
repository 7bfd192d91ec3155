package localcert

import (
	"errors"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
)

// words is the catalogue of this package: why there is no certificate, and what
// to do.
type words struct {
	notInstalled, expired, keyLost, damaged, noStore, noTool, trust, left, lost string
	noKeyring, locked, slow, refused                                            string
}

var texts = map[string]words{
	"fr": {
		notInstalled: "Aucun certificat n’est installé. Lancez « cpx-agent wss install ».",
		expired:      "Le certificat n’est plus valable. Lancez « cpx-agent wss install ».",
		keyLost:      "La clé du certificat n’est plus dans le trousseau. Lancez « cpx-agent wss install ».",
		damaged:      "Le fichier du certificat ou de son suivi est abîmé. Lancez « cpx-agent wss remove », qui retire ce qui est encore reconnu, puis « cpx-agent wss install ».",
		noStore:      "Aucun magasin de certificats n’a été trouvé. Ouvrez une fois Chromium ou Firefox, puis recommencez.",
		noTool:       "Le programme certutil manque : installez le paquet libnss3-tools (ou nss-tools), puis recommencez.",
		trust:        "Un magasin de certificats a refusé le certificat.",
		left:         "Un ancien certificat reste reconnu. Relancez la commande pour le retirer.",
		lost:         "Le suivi était abîmé et ne dit plus tout : il est conservé à part. Si un ancien certificat reste reconnu, retirez-le à la main des certificats du navigateur ou du système, sous le nom « CPx Bridge localhost ».",
		noKeyring:    "Ce poste n’a pas de trousseau de clés : la clé du certificat ne peut être gardée nulle part.",
		locked:       "Le trousseau de clés est verrouillé : déverrouillez-le, puis recommencez.",
		slow:         "Le trousseau de clés ne répond pas.",
		refused:      "Le trousseau de clés refuse l’accès.",
	},
	"en": {
		notInstalled: "No certificate is installed. Run `cpx-agent wss install`.",
		expired:      "The certificate is not valid any more. Run `cpx-agent wss install`.",
		keyLost:      "The certificate’s key is not in the keyring any more. Run `cpx-agent wss install`.",
		damaged:      "The certificate’s file or its record is damaged. Run `cpx-agent wss remove`, which takes out what is still trusted, then `cpx-agent wss install`.",
		noStore:      "No store of trusted certificates was found. Open Chromium or Firefox once, then run this again.",
		noTool:       "The program certutil is missing: install the package libnss3-tools (or nss-tools), then run this again.",
		trust:        "A store did not take the certificate.",
		left:         "An older certificate is still trusted. Run the command again to take it out.",
		lost:         "The record was damaged and does not tell everything any more: it is kept aside. If an older certificate is still trusted, take it out by hand from the browser’s or the system’s certificates, under the name “CPx Bridge localhost”.",
		noKeyring:    "This workstation has no keyring: there is nowhere to keep the certificate’s key.",
		locked:       "The keyring is locked: unlock it, then run this again.",
		slow:         "The keyring does not answer.",
		refused:      "The keyring refuses access.",
	},
}

// Detail is what Why leaves out of an error and IT support needs, "" where the
// words say all.
func Detail(err error) string {
	for _, kind := range []error{
		ErrNotInstalled, ErrExpired, ErrKeyLost, ErrNoStore, ErrNoTool, keyring.ErrNone, keyring.ErrLocked, keyring.ErrSlow, keyring.ErrRefused,
	} {
		if errors.Is(err, kind) {
			return ""
		}
	}
	if Why(err, "en") == err.Error() {
		return "" // said already
	}
	return err.Error()
}

// Why puts an error of this package into words for a person; lang is "fr" or
// "en".
func Why(err error, lang string) string {
	w, ok := texts[lang]
	if !ok {
		w = texts["fr"]
	}
	for _, c := range []struct {
		kind error
		text string
	}{
		{ErrNotInstalled, w.notInstalled}, {ErrExpired, w.expired}, {ErrKeyLost, w.keyLost}, {ErrDamaged, w.damaged},
		{ErrNoStore, w.noStore}, {ErrNoTool, w.noTool}, {keyring.ErrNone, w.noKeyring}, {keyring.ErrLocked, w.locked},
		{keyring.ErrSlow, w.slow}, {keyring.ErrRefused, w.refused}, {ErrTrust, w.trust}, {ErrLeft, w.left}, {ErrLost, w.lost},
	} {
		if errors.Is(err, c.kind) {
			return c.text
		}
	}
	return err.Error()
}
