package cps

import "strings"

// professions maps the French titles that cards carry to English: first the
// nomenclature of health professions, then the titles on establishments' cards.
var professions = map[string]string{
	"médecin": "Doctor", "pharmacien": "Pharmacist", "audioprothésiste": "Hearing aid specialist",
	"opticien-lunetier": "Optician", "assistant dentaire": "Dental assistant", "physicien médical": "Medical physicist",
	"chirurgien-dentiste": "Dental surgeon", "sage-femme": "Midwife", "infirmier": "Nurse",
	"infirmier psychiatrique": "Psychiatric nurse", "masseur-kinésithérapeute": "Physiotherapist",
	"pédicure-podologue": "Podiatrist", "orthoprothésiste": "Orthotist and prosthetist", "podo-orthésiste": "Foot orthotist",
	"orthopédiste-orthésiste": "Orthotist", "oculariste": "Ocularist", "épithésiste": "Facial prosthetist",
	"technicien de laboratoire médical": "Medical laboratory technician", "orthophoniste": "Speech therapist",
	"orthoptiste": "Orthoptist", "ergothérapeute": "Occupational therapist", "diététicien": "Dietitian",
	"psychomotricien": "Psychomotor therapist", "manipulateur erm": "Radiographer",
	"médecin en formation": "Doctor in training", "pharmacien en formation": "Pharmacist in training",
	"carte d'établissement": "Establishment’s card", "personnel autorisé": "Authorised staff",
	"carte de service santé ou social": "Service card, health or social",
}

// ProfessionIn returns a card's title in lang: in English where it has an English
// name, else as it is on the card.
func ProfessionIn(lang, title string) string {
	if lang == "en" {
		if name, known := professions[strings.ToLower(strings.TrimSpace(strings.ReplaceAll(title, "’", "'")))]; known {
			return name
		}
	}
	return title
}
