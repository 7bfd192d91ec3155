// Package nodump closes a process that holds a PIN or a holder's name: it leaves no
// core dump, and other programs of the same user cannot attach a debugger to it, read
// its memory or take its descriptors, as far as the system has a way to refuse that.
// It may be called concurrently and never touches another process.
//
// Linux refuses all of that to everyone but root. It does not undo what was there
// before: whoever starts the program can do so under a debugger, or have it load a
// library (LD_PRELOAD). A program that this one starts is open again, and has to close
// itself.
//
// Windows refuses it by the access list of the process, to all but SYSTEM and who may
// debug every process (SeDebugPrivilege, which administrators have). What is opened
// before stays open, threads have lists of their own and are not closed, and no list
// keeps out what is loaded into the process itself.
package nodump
