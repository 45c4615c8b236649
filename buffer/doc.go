// Package buffer is the durable disk buffer of a pipeline: one append-only log with several
// independent cursors.
//
// It owns the segment chain and is the only importer of Badger. A buffer directory holds
//
//	FORMAT                 the number of the format; a later one is refused. 2, and 3 from the
//	                       first batch of maps in msgpack on (mark.go)
//	LOCK                   flocked by the one process that has the buffer open; its process id
//	00000000000000012345/  a closed segment, named after its first position
//	head-00000007/         a segment being written, or one whose writer was killed
//	RESERVE                disk that is given up to begin a segment when the buffer is opened on a
//	                       full disk
//	damaged/               segments in which something did not read back; nothing here is ever
//	                       deleted
//
// Each segment is a small Badger database. Nothing is ever deleted from one: when every cursor has
// passed it, its directory is removed, so that the disk comes back at once.
//
// One Badger value is one group: the batches that were committed together, with the changes to the
// state (positions of inputs, cursors of outputs) that belong to them, under checksums of our own.
// A segment begins with the whole state, so the newest segment is all that recovery needs. What is
// true is what the value log says: a group is there whole or not at all, and it does not take
// Badger's memtable, tables or manifest to find it.
//
// What nobody waits for is written together, and a position that a cursor has come to goes with
// what is written next (advance.go). A small commit fills its last page (align.go).
//
// Closed and damaged segments are read straight from the value log file (see vlog.go), without
// opening them as databases. Badger ends the process on some damaged files, needs free disk to open
// a database, and keeps several MiB of memory for each.
//
// In spill mode (see spill.go) the end of the log may be in memory alone, as long as who appended
// it can read it again. Positions of inputs are then stored once every cursor has passed what
// belongs to them, or the disk has it, and never before.
//
// The package never drops what it has acknowledged, except by the drop_oldest policy, and never
// deletes what it cannot read.
//
// The parts, each a type that owns its fields; Buffer holds them together, under one lock:
//
//	  Append                                    Cursor.Next
//	     |  waits in space                           ^
//	     v                                           |
//	place in the order ------> window ---------> recent
//	     |            (spill)  |  in memory alone    ^  newest batches, in memory
//	     v                     v                     |
//	   queue <--- spilled -----+                     |
//	     |                                           |
//	     v                                           |
//	   writer ---- publish: visible, acknowledged ---+
//	     |   ^                                       |
//	     |   +--- commits of cursors                 |  those that are behind
//	     v                                           |
//	   chain:  segment - segment - segment - head ---+
//	     |     rolls into the one that ahead has opened
//	     v
//	   directory: makes, removes, moves aside
//
// A batch goes through these states:
//
//	placed -> queue -> written (head) -> synced -> published, done(nil)
//	       -> window, done(nil) -> passed by every cursor: only its positions are written
//	                            -> spilled: queue, as above
//
// Where things are:
//
//   - the way in: append.go (a place in the order, back-pressure), queue.go, space.go, and
//     window.go and spill.go (memory instead of disk)
//   - to the disk: writer.go (the one goroutine that writes; publish acknowledges), commit.go (what
//     one commit takes), group.go (its bytes), align.go (whole pages), head.go (Badger, and the
//     sync), state.go
//   - the chain: chain.go (the segments in order), roll.go and preopen.go (the next one), retire.go
//     (closing and removing), directory.go, segment.go, vlog.go, recover.go, badgerlog.go
//   - the way out: cursor.go (reading and committing), cursors.go (those that are open), advance.go
//     (positions that can wait for the next write), recent.go (batches in memory), appendtimes.go
//   - the books, which say what became of all records: books.go (what is not stored yet),
//     bookkeeping.go (the changes that go with a commit), books_rows.go and books_sweep.go (rows,
//     and how they grow old), counts.go (what rows do not say yet), cursor_books.go, books_read.go,
//     identity.go (which books they are)
//   - the end of the disk: full.go, disk.go, sys.go; in place of memory maps: shadow_linux.go
//   - exactly once: prepare.go; for people: inspect.go, stats.go, metrics.go
package buffer
