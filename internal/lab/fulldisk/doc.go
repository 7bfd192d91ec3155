// Package fulldisk gives tests and the lab a small disk of their own, a tmpfs, which
// they fill and free. Mounting needs root; [Here] plays a test in namespaces of its
// own where it has none. It is for one caller at a time.
package fulldisk
