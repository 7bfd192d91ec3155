// Package docs finds the commands that the documents tell people to type, so
// that a test can run them. It is for tests only.
package docs

import (
	"fmt"
	"os"
	"strings"
)

// Block is one fenced block of shell commands.
type Block struct {
	File   string
	Line   int // of the opening fence
	Manual string
	Script string
}

// Fenced returns the text of the fenced blocks of a Markdown file in a language, such as yaml.
func Fenced(file, language string) (all []string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	_, rest, found := strings.Cut(string(text), "\n```"+language)
	for found {
		_, rest, _ = strings.Cut(rest, "\n") // what the fence says
		block, after, ends := strings.Cut(rest, "\n```\n")
		if !ends {
			return nil, fmt.Errorf("%s: a fence is not closed", file)
		}
		all = append(all, block+"\n")
		_, rest, found = strings.Cut("\n"+after, "\n```"+language)
	}
	return all, nil
}

// Blocks returns the fenced blocks of a Markdown file whose language is sh. A
// fence may say "manual: reason": a person runs those.
func Blocks(file string) ([]Block, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var blocks []Block
	var open *Block
	other := false // inside a fence of another language
	for i, line := range strings.Split(string(text), "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open != nil:
			blocks = append(blocks, *open)
			open = nil
		case isFence && other:
			other = false
		case isFence:
			language, rest, _ := strings.Cut(strings.TrimSpace(fence), " ")
			if language != "sh" {
				other = true
				continue
			}
			open = &Block{File: file, Line: i + 1}
			if rest != "" {
				reason, ok := strings.CutPrefix(rest, "manual:")
				if reason = strings.TrimSpace(reason); !ok || reason == "" {
					return nil, fmt.Errorf("%s:%d: a fence says %q; it may only say \"manual: reason\"", file, i+1, rest)
				}
				open.Manual = reason
			}
		case open != nil:
			open.Script += line + "\n"
		}
	}
	if open != nil || other {
		return nil, fmt.Errorf("%s: a fence is not closed", file)
	}
	return blocks, nil
}
