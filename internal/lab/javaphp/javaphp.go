// Package javaphp runs what docs/portal-developers.md gives to portals in Java and in PHP
// (examples/java, examples/php) on the certificates of the demonstration cards and on names
// as hostile as an issuer could write them, and compares whom each reads with package cps.
// It has tests alone, and needs a JDK and PHP's command line.
package javaphp
