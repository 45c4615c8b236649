// Package exec is the input that runs a command and takes the lines of its standard output: a
// command that runs for ever, started again when it ends, or one that runs at intervals.
//
// It owns the processes it starts: each is in a process group of its own, which is asked to end
// when the input stops, and killed when it does not.
package exec
