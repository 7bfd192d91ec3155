package main

import (
	"cmp"
	"html/template"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sheetName is the page with all pictures.
const sheetName = "index.html"

// sheet shows pictures in both languages beside each other, an appearance after the other.
var sheet = template.Must(template.New("").Parse(`<!doctype html>
<meta charset="utf-8">
<title>CPx Bridge: what a person sees</title>
<style>
body { font: 14px sans-serif; background: #808890; color: #fff; margin: 1em }
div { display: flex; flex-wrap: wrap; gap: 12px; align-items: flex-start }
figure { margin: 0 } img { max-width: 46vw; display: block } figcaption { padding: 2px 0 }
</style>
{{range .}}<h2>{{.Title}}</h2><div>
{{range .Pictures}}<figure><a href="{{.}}.png"><img src="{{.}}.png" alt=""></a><figcaption>{{.}}</figcaption></figure>
{{end}}</div>
{{end}}`))

type section struct {
	Title    string
	Pictures []string
}

// writeSheet writes the page for the pictures that are in the folder.
func writeSheet(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.png"))
	if err != nil {
		return err
	}
	sections := []section{{Title: "icon and menu"}}
	for _, a := range appearances {
		sections = append(sections, section{Title: "dialogs, " + cmp.Or(a.name, usual)})
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".png")
		at := 0
		if strings.HasPrefix(name, "dialog-") {
			at = 1 + appearanceOf(name)
		}
		sections[at].Pictures = append(sections[at].Pictures, name)
	}
	f, err := os.Create(filepath.Join(folder, sheetName))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := sheet.Execute(f, sections); err != nil {
		return err
	}
	return f.Close()
}

// appearanceOf is the appearance of a picture, by its name.
func appearanceOf(name string) int {
	return max(0, slices.IndexFunc(appearances, func(a appearance) bool {
		return strings.HasSuffix(name, "-fr"+a.suffix()) || strings.HasSuffix(name, "-en"+a.suffix())
	}))
}
