// Command penstock is the agent and its tools.
//
// It owns the command line: arguments, signals, exit codes and where messages go. What the commands do is the business of other
// packages.
package main
