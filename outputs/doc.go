// Package outputs holds the contract of an output. That is what a destination implements (Writer,
// AsyncWriter, Transactor and their like), what the agent lends it (Env), the part of its
// configuration that every output has (Common), and the dead letter.
//
// It runs nothing. What wraps a writer is in the rooms below, each of which imports only those
// above it, this one, and the contract of a store (spool):
//
//	recordline  records as lines of JSON, and the objects made of them
//	deliver     batches to one writer: flight, lanes, retry, transactions
//	deadletter  where refused records are kept
//	overflow    failover: log to store, and back
//	drain       one log into one destination: all of these together
//	replay      what a lost host, or a dead letter, has left behind
//
// Each output lives in a package of its own beside them; lines and httpsend are shared by several,
// outputtest is the suite that all pass. Outputs never decide what is durable in
// the buffer, and never drop: what a destination refuses for good goes to the dead letter.
package outputs
