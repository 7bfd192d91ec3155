// Package textfile says in which encoding a text file was saved: editors write
// byte order marks, and some of them UTF-16. Its functions may be called
// concurrently. They never guess a national character set.
package textfile

import "bytes"

// Encoding is how a file was saved.
type Encoding string

// The encodings.
const (
	UTF8  Encoding = "UTF-8" // or anything that is not one of the others
	UTF16 Encoding = "UTF-16"
	UTF32 Encoding = "UTF-32"
)

// Read returns the text without the byte order mark of UTF-8, and the file's
// encoding. Where that is not UTF8, the text is as it was.
func Read(file []byte) ([]byte, Encoding) {
	starts := func(mark string) bool { return bytes.HasPrefix(file, []byte(mark)) }
	switch {
	case starts("\xff\xfe\x00\x00"), starts("\x00\x00\xfe\xff"): // before UTF-16, of whose mark it is the beginning
		return file, UTF32
	case starts("\xff\xfe"), starts("\xfe\xff"), unmarked16(file):
		return file, UTF16
	}
	return bytes.TrimPrefix(file, []byte("\xef\xbb\xbf")), UTF8
}

// unmarked16 recognises UTF-16 without a mark: every other byte of what settings are
// written with is zero, and the rest is not. A damaged file has zeros in both places.
func unmarked16(file []byte) bool {
	var zeros [2]int
	for i, b := range file {
		if b == 0 {
			zeros[i%2]++
		}
	}
	few, many := min(zeros[0], zeros[1]), max(zeros[0], zeros[1])
	return many > len(file)/4 && few <= many/8
}
