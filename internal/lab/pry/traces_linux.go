package pry

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// The distances, in bytes, at which the digits of a PIN stand one after the other in some
// form that programs have of them.
var (
	AsText = []int{1}
	AsKeys = []int{1, 2, 4, 8, 16, 24, 32, 64} // also UTF-16, UTF-32, X11’s codes of keys, and single characters in small pieces of memory
)

// Traces are the runs of four digits of a secret, at these distances, that are in the
// memory of a process, with where. It needs root where the process has closed itself. The digits must not be in
// an order that tables have, such as 1234.
func Traces(pid int, secret string, distances []int) (found []string, err error) {
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	defer maps.Close()
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	read := 0
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		from, to, _ := strings.Cut(fields[0], "-")
		begin, err1 := strconv.ParseInt(from, 16, 64)
		end, err2 := strconv.ParseInt(to, 16, 64)
		if err1 != nil || err2 != nil || !strings.HasPrefix(fields[1], "rw") {
			continue // what nobody writes holds nothing that was typed
		}
		piece := make([]byte, end-begin)
		n, err := memory.ReadAt(piece, begin)
		if err != nil && !errors.Is(err, io.EOF) && n == 0 {
			continue // a mapping of a device
		}
		read += n
		for _, trace := range within(piece[:n], secret, distances) {
			found = append(found, fmt.Sprintf("%s in %s", trace, strings.Join(fields, " ")))
		}
	}
	if read == 0 {
		return nil, fmt.Errorf("pry: nothing of process %d can be read", pid)
	}
	return found, nil
}

func within(memory []byte, secret string, distances []int) (found []string) {
	for i := 0; i+4 <= len(secret); i++ {
		run := secret[i : i+4]
		for at := 0; ; at++ {
			next := bytes.IndexByte(memory[at:], run[0])
			if next < 0 {
				break
			}
			at += next
			for _, distance := range distances {
				if end := at + 3*distance; end < len(memory) && memory[at+distance] == run[1] && memory[at+2*distance] == run[2] && memory[end] == run[3] {
					found = append(found, fmt.Sprintf("%s, each %d after the other, at %#x", run, distance, at))
				}
			}
		}
	}
	return found
}
