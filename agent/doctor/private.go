package doctor

import (
	"os"
	"os/user"
	"strings"
	"unicode"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
)

// Private is what this workstation knows of who sits here and where they log in: nothing of
// it goes to a hotline.
func Private(s state.State) (list []string) {
	names := func(texts ...string) {
		for _, text := range texts {
			list = append(list, text)
			list = append(list, strings.Fields(text)...)
			list = append(list, strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsPunct(r) })...)
		}
	}
	for _, c := range s.Certificates {
		names(c.Holder)
		list = append(list, c.Identifier, c.ID)
		list = append(list, labels(c.Card)...)
	}
	for _, r := range s.Readers {
		list = append(list, labels(r.Card)...)
	}
	for _, site := range s.Sites {
		list = append(list, hosts(site.Origin)...)
	}
	for _, origin := range s.Listed {
		list = append(list, hosts(origin)...)
	}
	for _, d := range s.Never {
		list = append(list, d.Name)
	}
	if u, err := user.Current(); err == nil {
		names(u.Name)
		list = append(list, u.HomeDir, u.Username[strings.LastIndexByte(u.Username, '\\')+1:])
	}
	if host, err := os.Hostname(); err == nil {
		short, _, _ := strings.Cut(host, ".")
		list = append(list, host, short)
	}
	if home, err := os.UserHomeDir(); err == nil {
		list = append(list, home)
	}
	return append(list, os.Getenv("USER"), os.Getenv("LOGNAME"), os.Getenv("USERNAME"))
}

// labels are a card's label and the words in it that bear its number.
func labels(card string) (list []string) {
	list = []string{card}
	for _, word := range strings.Fields(card) {
		digits := 0
		for _, r := range word {
			if r >= '0' && r <= '9' {
				digits++
			}
		}
		if digits >= 4 {
			list = append(list, word)
		}
	}
	return list
}

// hosts are an origin and its host.
func hosts(origin string) []string {
	_, host, _ := strings.Cut(origin, "://")
	return []string{origin, strings.TrimPrefix(host, "*."), strings.Split(strings.TrimPrefix(host, "*."), ":")[0]}
}
