// Package outputs holds the contract of an output and what wraps any output: the drain loop with its window,
// retry, dead letter and failover. Each output lives in a package of its own below this one.
//
// Outputs own delivery to one kind of destination. They never decide what is durable in the buffer, and never drop: what a
// destination refuses for good goes to the dead letter.
//
// Where a Transactor is the writer and transactions are wanted, exactly once works like this. A flight goes out through a Session, whose transactions hold how far
// it has come; the log's cursor follows. When a transaction breaks, the flight ends, the Session is settled (nothing open, nothing of unknown outcome) and the next flight
// begins where the destination says. While it cannot be asked, records may go to the overflow all the same: the note remembers from where on that is in doubt, and once
// settled which of them are not to be replayed.
package outputs
