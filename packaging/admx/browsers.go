package main

import (
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/browsers"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// browsersTemplate has each browser's list of portals. It is a file of its own: Intune
// refuses a whole file for a key below SOFTWARE\Policies\Microsoft, which is Edge's, and
// who has the makers' templates from these versions on needs it for Chromium alone.
func browsersTemplate() *template {
	const top = "CPxBridgeBrowsers"
	t := &template{
		name: "cpx-bridge-browsers", prefix: "cpxbridgebrowsers", namespace: "CPxBridge.Policies.Browsers",
		title:      func(say texts.Catalogue) string { return say.Text("admx.browsers_file") },
		categories: []category{{named: section("browsers", top)}},
	}
	for _, b := range browsers.All {
		supported := "SUPPORTED_" + string(b)
		t.supported = append(t.supported, named{supported, func(say texts.Catalogue) (string, bool) {
			return say.Code("admx.supported", string(b))
		}})
		t.policies = append(t.policies, browserPolicy(b, top, supported))
	}
	return t
}

func browserPolicy(b browsers.Browser, in, supported string) (p policyEntry) {
	key, entries, err := browsers.PolicyList(b, exampleOrigins)
	if err != nil {
		panic(err) // our own examples
	}
	p.id, p.category, p.supported, p.key = "portals_"+string(b), in, supported, key
	p.name = func(say texts.Catalogue) (string, bool) { return say.Text("admx.browser.name", b.Name()), true }
	p.explain = func(say texts.Catalogue) (string, bool) {
		paragraphs := []string{say.Text("admx.browser.chromium", b.Name())}
		if b == browsers.Firefox {
			paragraphs[0] = say.Text("admx.browser.firefox", b.Name())
		}
		paragraphs = append(paragraphs, say.Text("admx.say.example", strings.Join(entries, "\n")), say.Text("admx.browser.list"))
		if b != browsers.Chromium { // which has no template of its own
			paragraphs = append(paragraphs, say.Text("admx.browser.template", b.Name(), key[strings.LastIndexByte(key, '\\')+1:]))
		}
		return strings.Join(append(paragraphs, say.Text("admx.say.where_list", key, "REG_SZ")), "\n\n"), true
	}
	p.elements = &elementsXML{List: &listXML{ID: p.id, Key: key}}
	p.presentation = listBox(p.id)
	return p
}
