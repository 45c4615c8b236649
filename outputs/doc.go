// Package outputs holds the contract of an output and what wraps any output: the drain loop with its window,
// retry, dead letter and failover. Each output lives in a package of its own below this one.
//
// Outputs own delivery to one kind of destination. They never decide what is durable in the buffer, and never drop: what a
// destination refuses for good goes to the dead letter.
package outputs
