package texts

import (
	"fmt"

	"github.com/pelletier/go-toml/v2"
)

// section is the texts of one file.
type section map[Key]text

// text is a text in each language.
type text [languages]forms

// forms are a text's forms for one thing and for any other number. A text that
// does not depend on a number has the second only.
type forms struct{ one, other string }

func read(file string) (section, error) {
	content, err := files.ReadFile(file)
	if err != nil {
		return nil, err
	}
	texts, err := parse(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return texts, nil
}

func parse(content []byte) (section, error) {
	var groups map[string]any
	if err := toml.Unmarshal(content, &groups); err != nil {
		return nil, err
	}
	texts := section{}
	return texts, texts.add("", groups)
}

// add adds the texts of a group and of the groups in it.
func (s section) add(group Key, table map[string]any) error {
	for name, value := range table {
		key := Key(name)
		if group != "" {
			key = group + "." + key
		}
		table, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: neither a text nor a group of texts", key)
		}
		if !isText(table) {
			if err := s.add(key, table); err != nil {
				return err
			}
			continue
		}
		text, err := textOf(table)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		s[key] = text
	}
	return nil
}

// isText distinguishes a text from a group: no key in a group is a language.
func isText(table map[string]any) bool {
	for _, lang := range names {
		if _, ok := table[lang]; ok {
			return true
		}
	}
	return false
}

func textOf(table map[string]any) (text, error) {
	var t text
	if len(table) != int(languages) {
		return t, fmt.Errorf("a text has %v and nothing else", names)
	}
	for i, lang := range names {
		switch value := table[lang].(type) {
		case string:
			t[i].other = value
		case map[string]any:
			t[i].one, _ = value["one"].(string)
			t[i].other, _ = value["other"].(string)
			if t[i].one == "" || t[i].other == "" || len(value) != 2 {
				return t, fmt.Errorf("%s: the forms are one and other", lang)
			}
		}
		if t[i].other == "" {
			return t, fmt.Errorf("%s is missing", lang)
		}
	}
	if (t[french].one == "") != (t[english].one == "") {
		return t, fmt.Errorf("one language has forms for numbers, the other has none")
	}
	return t, nil
}
