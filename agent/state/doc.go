// Package state turns facts about a running agent into what an operator wants to know. For each
// output and input that is what it is doing; for each pipeline whether its data is safe, where it
// waits, for how long, and how long there is room for more. The page, the JSON, readiness, metrics
// and the terminal show what it says, so that they never differ.
//
// It is pure functions, but for Meter: no clock, no input, no output. It owns the words; facts are
// gathered elsewhere, and it decides nothing that the agent does.
//
// Where things are: output.go, input.go and pipeline.go, each with what is known and what it is
// shown as; level.go, meter.go.
package state
