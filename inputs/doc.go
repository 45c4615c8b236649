// Package inputs holds the contract between an input and the pipeline it feeds. Each input lives in
// a package of its own below this one.
//
// Inputs own reading and framing, and the meaning of their positions. They never import the buffer,
// the outputs or the agent, keep no queue of their own, and never decide what is durable: the Sink
// does.
package inputs
