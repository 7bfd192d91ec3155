package programfile

import (
	"bytes"
	"io"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

const (
	chunk = 1 << 20
	// mostRead is much more than the program has.
	mostRead = 512 << 20
	// longest is more than a mark has.
	longest = 256
)

// mark is how a version stands in the program's file: the build puts it there
// (scripts/build), so that it can be read without executing the file.
var mark = lazyregexp.New(`cpx-bridge-version=([0-9][0-9A-Za-z.+-]{0,127});`)

// Version is the version in a mark, or otherwise where it is none. Every process asks for it at
// its start: compiling mark would be the longest step there.
func Version(text, otherwise string) string {
	version, begins := strings.CutPrefix(text, "cpx-bridge-version=")
	version, ends := strings.CutSuffix(version, ";")
	allowed := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune(".+-", r)
	}
	if !begins || !ends || version == "" || len(version) > 128 || version[0] < '0' || version[0] > '9' || strings.ContainsFunc(version, func(r rune) bool { return !allowed(r) }) {
		return otherwise
	}
	return version
}

// VersionOf is the version of the program in a file, "" where none is found.
func VersionOf(path string) string {
	f, err := plainfile.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	in := io.LimitReader(f, mostRead)
	window := make([]byte, 0, chunk+longest)
	for {
		window = window[:copy(window[:cap(window)], window[max(0, len(window)-longest):])]
		n, err := io.ReadFull(in, window[len(window):cap(window)])
		window = window[:len(window)+n]
		if m := mark.FindSubmatch(window); m != nil {
			return string(bytes.Clone(m[1]))
		}
		if err != nil {
			return ""
		}
	}
}
