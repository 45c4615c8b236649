// Command demo runs the main job of penstock on this machine alone, with an embedded broker, and
// counts every line: `make demo`. Its exit code is 1 if one is missing. With -broker it is the
// broker alone, for trying.
//
// It owns a command line; the rest is in cmd/penstock/demo. It is a program of its own so that
// penstock carries no broker along.
package main
