// Package asroot plays tests that need root in namespaces of their own, where a person
// who is not root has its rights over what is theirs: mounts, and the memory of processes
// that are closed to debuggers. Tests may use it concurrently. It never makes anything of
// another user's, which a namespace of one user cannot.
package asroot
