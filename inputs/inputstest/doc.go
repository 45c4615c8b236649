// Package inputstest holds a Sink in memory for the tests of inputs.
//
// It owns the simulation of the buffer's promises: batches and positions become durable together
// and in order, and a crash forgets what was not durable yet. It never judges what an input
// appends; that is for the test.
package inputstest
