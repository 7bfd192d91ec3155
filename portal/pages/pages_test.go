package pages

import (
	"io/fs"
	"testing"
)

// Every template is a page; the layout is part of all.
func TestEveryTemplateIsAPage(t *testing.T) {
	names, err := fs.Glob(files, "web/templates/*.html")
	if err != nil || len(names) != len(pageNames)+1 {
		t.Fatalf("%d templates for %d pages, %v", len(names), len(pageNames), err)
	}
}
