// Package drain makes an output of a writer: it drains logs into it, with everything that stands in
// between, and says how that goes. This is where delivery, failover, transactions and dead letters
// meet.
//
// Exactly once works like this. A flight goes out through a Session, whose transactions hold how
// far it has come; the log's cursor follows. When a transaction breaks, the flight ends, the
// Session is resolved (nothing open, nothing of unknown outcome) and the next flight begins where
// the destination says. While it cannot be asked, records may go to the overflow all the same: the
// note remembers from where on that is in doubt, and once resolved which of them are not to be
// replayed.
//
//	              a transaction breaks
//	in flight ---------------------------> in doubt
//	    ^                                      |
//	    |  from where the destination says     |  it says what it has, and nothing is open
//	    +------------- resolved <--------------+
//
// It never talks to a destination or a store itself.
package drain
