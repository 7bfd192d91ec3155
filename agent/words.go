package agent

import (
	"os"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// Languages the agent speaks.
const (
	French  = "fr"
	English = "en"
)

// language is the page's where the agent speaks it, else the person's.
func (s *Server) language(asked string) string {
	if l := known(asked); l != "" {
		return l
	}
	return s.Language()
}

// Language is the setting's language, or the desktop's where there is no
// setting: French unless the desktop is in another language.
func Language(setting string) string {
	if l := known(setting); l != "" {
		return l
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		value := os.Getenv(name)
		if value == "" || value == "C" || strings.HasPrefix(value, "C.") || value == "POSIX" {
			continue
		}
		if l := known(value); l != "" {
			return l
		}
		return English
	}
	return French
}

func known(tag string) string {
	tag = strings.ToLower(tag)
	for _, l := range []string{French, English} {
		if tag == l || strings.HasPrefix(tag, l+"-") || strings.HasPrefix(tag, l+"_") {
			return l
		}
	}
	return ""
}

// Holder is what dialogs and menus say of a certificate.
// A card that ends soon says so: renewing one takes weeks.
func Holder(c pkcs11.Certificate, lang string) prompt.Holder {
	// The demonstration's policies stand in an arc that no real card uses, so
	// that knowing them costs nothing.
	p := cps.Parse(c.X509, cps.DemoRules())
	return prompt.Holder{
		Name: p.DisplayName(), Identifier: p.Identifier, Profession: cps.ProfessionIn(lang, p.Profession), Kind: p.Kind,
		NotAfter: Date(c.X509.NotAfter, lang), Renew: c.Reason == pkcs11.Usable && time.Until(c.X509.NotAfter) < renewal,
	}
}

// reasonTexts say why a certificate is not offered for a login, and soon that it
// ends soon: for menus and the command line.
var (
	reasonTexts = map[string]map[pkcs11.Reason]string{
		French: {
			pkcs11.Usable: "utilisable", pkcs11.Expired: "expiré", pkcs11.NotYetValid: "pas encore valide",
			pkcs11.NotForAuthentication: "ne sert pas à s’identifier", pkcs11.KeyWithoutPIN: "clé sans code porteur, refusée",
			ReasonPINLocked: "code porteur bloqué", ReasonPINNotSet: "code porteur pas encore défini",
		},
		English: {
			pkcs11.Usable: "usable", pkcs11.Expired: "expired", pkcs11.NotYetValid: "not yet valid",
			pkcs11.NotForAuthentication: "not for logging in", pkcs11.KeyWithoutPIN: "key without a PIN, refused",
			ReasonPINLocked: "PIN locked", ReasonPINNotSet: "PIN not set yet",
		},
	}
	soon = map[string]string{French: "expire bientôt, à renouveler", English: "expires soon, have it renewed"}
)

// ReasonText is a reason in words.
func ReasonText(r pkcs11.Reason, lang string) string { return reasonTexts[lang][r] }

// RenewText says that a card ends soon.
func RenewText(lang string) string { return soon[lang] }

// renewal is how long before its end a card says so.
const renewal = 60 * 24 * time.Hour

// Date is a day in the language's form.
func Date(t time.Time, lang string) string {
	if lang == English {
		return t.Local().Format("2 January 2006")
	}
	return t.Local().Format("02/01/2006")
}
