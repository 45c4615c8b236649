// Package inputstest holds a Sink in memory for the tests of inputs, and the suite that every input
// must pass.
//
// It owns the simulation of the buffer's promises: batches and positions become durable together
// and in order, and a crash forgets what was not durable yet. The suite (conformance.go) judges
// what holds for all inputs: what a full, failing or crashed sink and a stop do to records and to
// their acknowledgement. It knows no protocol: each input brings a Driver. What a record of an
// input looks like is for the input's own tests.
package inputstest
