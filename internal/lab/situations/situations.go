// Package situations plays situations that people have with cards, readers, modules
// and workstations, with real parts, and writes down what each of them reads: what
// `cpx-agent doctor` and `certs` print and what the page says, in both languages. A
// reader then asks of each: would this advice cure it?
//
// It is all tests, on Linux. What must be found, and what must not be advised,
// stands in expected.toml with its source.
package situations
