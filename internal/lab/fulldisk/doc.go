// Package fulldisk gives tests and the lab a small disk of their own, a tmpfs, which
// they fill and free. Mounting needs root, or a test that internal/lab/asroot plays. It is
// for one caller at a time.
package fulldisk
