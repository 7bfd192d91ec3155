package situations

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pageTexts are what the page says, by reason and detail.
func pageTexts(t *testing.T, lang string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "js", "src", "lang-"+lang+".ts"))
	if err != nil {
		t.Fatal(err)
	}
	constants, found := map[string]string{}, map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^const (\w+) = ("[^"\n]*");$`).FindAllStringSubmatch(string(text), -1) {
		constants[m[1]] = strings.Trim(m[2], `"`)
	}
	for _, m := range regexp.MustCompile(`(?m)^  "?([\w.]+)"?: \[(.*)\],$`).FindAllStringSubmatch(string(text), -1) {
		parts, err := evaluate(m[2], constants)
		if err != nil {
			t.Fatalf("%s in %s: %v", m[1], lang, err)
		}
		found[m[1]] = parts
	}
	if len(found) < 50 {
		t.Fatalf("%d sentences in %s", len(found), lang)
	}
	return found
}

var token = regexp.MustCompile("^(\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`|\\.\\.\\.\\w+|\\w+|,|\\+) *")

// evaluate reads the elements of a list of texts and constants, joined by plus signs.
func evaluate(list string, constants map[string]string) (parts []string, err error) {
	current := ""
	for rest := strings.TrimSpace(list); rest != ""; {
		m := token.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("what is %q?", rest)
		}
		rest = rest[len(m[0]):]
		switch word := m[1]; word[0] {
		case ',':
			parts, current = append(parts, current), ""
		case '+', '.': // a plus sign, or the causes that a page lists below
		case '"':
			current += strings.ReplaceAll(word[1:len(word)-1], `\"`, `"`)
		case '`':
			text := word[1 : len(word)-1]
			for name, value := range constants {
				text = strings.ReplaceAll(text, "${"+name+"}", value)
			}
			current += text
		default:
			value, known := constants[word]
			if !known {
				return nil, fmt.Errorf("what is %s?", word)
			}
			current += value
		}
	}
	return append(parts, current), nil
}
