// Package deliver owns the way of batches to one writer: the window in flight (flight.go,
// window.go), lanes that keep the order per origin (lanes.go), retry and what an error means
// (sender.go, retrying.go). It also owns what is delivered ahead of a failure (acknowledged.go),
// how far everything is acknowledged, and the commits that follow (ledger.go).
//
// It never chooses where records go, nor what becomes of a destination that is down: it tells
// Health (health.go), and tries for ever. What fails at present is told by failure.go.
//
// An entry of a flight's window:
//
//	waiting -> flying -> done            delivered, or in the dead letter:
//	              |  ^                   acknowledged once all before it are
//	              v  |
//	            failed                   what was not taken is sent again, in the
//	                                     order of the source
//
// With transactions (TxnDelivery, txn.go) the same flight goes out through a Session, and what it
// acknowledges counts once committed:
//
//	resolved -> open -> cut -> committed -> open ...
//	   ^         |       |
//	   +---------+-------+               aborted: the flight ends, and the next one begins where
//	                                     the destination says
package deliver
