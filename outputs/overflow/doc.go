// Package overflow owns failover: it decides who works on a log, moves the oldest part of it to an object store while the
// destination is down or the buffer full, and replays what waits there, in order.
//
// It never deletes an object of which not all is acknowledged, and commits nothing but through the log's ledger. Only the
// controller starts activities; each tells it by ending how it went.
//
//	          down, or the buffer is filling up
//	direct ------------------------------------> overflow
//	  ^                                             |
//	  |  nothing waits any more                     |  healthy for failover.recover
//	  +------------------- replay <-----------------+
//
// With a standby in the store's place: direct <-> standby. With order = "newest_first", replay runs beside direct. With
// transactions, settling comes before both while it is in doubt what the destination has.
//
// An object is made by an intent in the log's note, a put, and a commit; an intent that is given up becomes void, and its
// object is deleted before anything else touches the store. A replay holds a lease, so that two never run at once.
package overflow
