// Package overflow owns failover. It decides who works on a log, moves the oldest part of it to an
// object store while the destination is down or the buffer full, and replays what waits there, in
// order.
//
// It never deletes an object of which not all is acknowledged (one that is damaged, or is to be
// kept, is moved: copied first), and commits nothing but through the log's ledger. Only the
// controller (controller.go) starts activities (activity.go), which ones the condition decides
// (condition.go); each tells it by ending how it went.
//
//	          down, or the buffer is filling up
//	direct ------------------------------------> overflow
//	  ^                                             |
//	  |  nothing waits any more                     |  healthy for failover.recover
//	  +------------------- replay <-----------------+
//
// With a standby in the store's place: direct <-> standby. With order = "newest_first", replay runs
// beside direct. With transactions (txn.go), resolving comes before both while it is in doubt what
// the destination has.
//
// An object is made by an intent in the log's note, a put, and a commit (mover.go). A replay holds
// a lease (lease.go), so that two never run at once, and takes objects oldest first (replayer.go).
//
// Who may delete an object: Replayer.Remove (remove.go), once all of it is acknowledged and what
// was read is what was stored (source.go, body.go). And mover.deleteVoided, where an intent was
// given up and its records stay in the log. That comes before anything else touches the store.
// "penstock replay" uses the former; nobody else does.
//
// What is known: note.go (what stands in the log's note), inventory.go (what an object says of
// itself), partial.go (an object that was cut short), rename.go (objects under names of before),
// asking.go (whether the store would take an object), status.go and metrics.go (what is told),
// control.go (what the failovers of an output share).
package overflow
