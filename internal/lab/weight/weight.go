// Package weight measures what the agent costs a workstation that does nothing with it: its
// start, its memory, its processor time and its size, of the program as a release has it.
//
// There is nothing but its benchmarks, which need root, as the memory of processes does that
// allow no debugger; with another user they are skipped and say why.
package weight
