// Package nodump closes a process that holds a PIN or a holder's name: it leaves no
// core dump, and other programs of the same user cannot attach a debugger to it, read
// its memory or take its descriptors, as far as the system has a way to refuse that.
// It may be called concurrently and never touches another process.
//
// Linux refuses all of that to everyone but root. It does not undo what was there
// before: whoever starts the program can do so under a debugger, or have it load a
// library (LD_PRELOAD). A program that this one starts is open again, and has to close
// itself.
package nodump
