package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// TestPoliciesOfTheDocument: the administrators read each policy's name in both languages
// beside its setting.
func TestPoliciesOfTheDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "administrators.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begun := strings.Cut(string(text), "<!-- group policy -->\n")
	table, _, ended := strings.Cut(rest, "<!-- /group policy -->")
	if !begun || !ended || table != policyTable() {
		t.Errorf("docs/administrators.md is to have between <!-- group policy --> and <!-- /group policy -->\n%s", policyTable())
	}
}

// policyTable names each setting's policy, below the folder in which an editor shows it.
func policyTable() string {
	template := settingsTemplate()
	folders := map[string]category{}
	for _, c := range template.categories {
		folders[c.id] = c
	}
	called := func(n named, lang string) string {
		name, _ := n.name(texts.In(lang))
		return name
	}
	rows := []string{"| setting | policy | in French |", "|---|---|---|"}
	for i, d := range policy.Definitions() {
		p := template.policies[i]
		row := []string{"`" + d.Key + "`"}
		for _, lang := range []string{language.English, language.French} {
			name := called(p.named, lang)
			if folder := folders[p.category]; folder.parent != "" {
				name = called(folder.named, lang) + " → " + name
			}
			row = append(row, name)
		}
		rows = append(rows, "| "+strings.Join(row, " | ")+" |")
	}
	return strings.Join(rows, "\n") + "\n"
}
