// Package deliver owns the way of batches to one writer: the window in flight, lanes that keep the order per origin, retry, what
// is delivered ahead of a failure, how far everything is acknowledged, and the commits that follow.
//
// It never chooses where records go, nor what becomes of a destination that is down: it tells Health, and tries for ever.
//
// An entry of a flight's window:
//
//	waiting -> flying -> done            delivered, or in the dead letter: acknowledged once all before it are
//	              |  ^
//	              v  |
//	            failed                    what was not taken is sent again, in the order of the source
//
// With transactions (TxnDelivery) the same flight goes out through a Session, and what it acknowledges counts once committed:
//
//	settled -> open -> cut -> committed -> open ...
//	   ^         |       |
//	   +---------+-------+                aborted: the flight ends, and the next one begins where the destination says
package deliver
