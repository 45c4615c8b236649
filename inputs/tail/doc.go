// Package tail reads lines from files that others write, rotate, truncate, compress and delete.
//
// It owns finding files and telling them apart (device, inode, birth time, and fingerprints of the
// first and the latest delivered bytes). It owns reading each of their lines once and in order, and
// framing: line ends, character sets, long lines, multiline events. Its position for a file is the
// exact byte offset after the last delivered line, appended in the same transaction as that line
// (in spill mode it is stored once every output has the line: buffer/spill.go).
//
// The generations of a log, what rotation has made of it by renaming, copying, linking and
// compressing, are read in the order in which they were written; order.go decides it. Not
// everything can be known from the files. Where a file system does not tell when a file was made,
// an inode that is used again at once is taken for the file that had it before. What begins alike
// is read again where it cannot be told whether it is the same, never left out. That is so of a log
// that was written to since a copy of it was made, of no more than 1 KiB, when nothing had been
// read of either (copyfirst.go). It is so of one that has replaced another of which no more than 1
// KiB had been read, and goes on with its content, if nobody saw the one go and the other come
// (replace.go). What is written to a file after it was rotated, and after what followed it was
// begun, comes late, and so does a generation that turns up when a newer one has been begun: it
// becomes a source of its own.
//
// Of the log of a container two streams are interleaved, and what one has begun may be complete
// long after lines of the other that follow it have been delivered. What is begun is held in
// memory, and the position is that of the first line that is not delivered. Where the other stream
// is further, the position says how far, and what lies before is passed over when it is read again.
//
// One goroutine, the manager, owns the table of files and everything that is decided about them. A
// few workers read, encode and append; a file is read by one worker at a time, encoded by several,
// and appended in order. Quiet files hold neither goroutine nor, after a while, descriptor, and
// where there are more files than the process may open they are closed between reads, but not one
// that could not be found again. Nothing that is read waits without a bound for what cannot be: a
// compressed file that is never complete, a copy that is never made. Holes and what is neither text
// nor compressed in a known way are skipped, said and counted. Writes to files are gathered for as
// long as the latency budget allows, and read together. While
// it reads it never waits for a batch to be durable, and it never writes to what it reads. Files
// that every output has are removed where after_read says so, and only those (afterread.go).
//
// Where things are:
//
//   - which files there are: discover.go (globs), watch.go and watches.go (inotify), scan.go
//     (looks), compare.go (what a look finds), links.go (symbolic links), unreadable.go (what
//     cannot be read), order.go (the order in which a source is read)
//   - which file is which: ident.go, file.go, table.go (those that are known), detached.go and
//     adopt.go (after a restart), rotate.go, copies.go, copyfirst.go (a copy that was read before
//     its log), replace.go (another file in the place of one), takeover.go (positions of another
//     program)
//   - what is done when: tail.go (the input), manager.go (everything that is decided), sweep.go
//     (what is due), queue.go (turns), worker.go (a turn: read, encode, append), sys.go (clock and
//     files, in one place for the model)
//   - from bytes to records: frame.go (lines, and those over max_line_size: cutLong), encode.go
//     (batches; tooLong, for long lines whose end was in sight), multiline.go (events, and those
//     that are too long), charset.go, delimiter.go, tag.go; container.go, kubepath.go and pods.go
//     (logs of containers); sample.go (all of it without a file, for "penstock try")
//   - files that have been read to their end: afterread.go (which are), disposer.go (deleting and
//     moving), meet.go (whether another input reads them, too)
//   - compressed files: formats.go, compressed.go, backlog.go
//   - what may not be read yet: limits.go (rate limits)
//   - what is odd: hole.go (sparse files), pipe.go and pipereader.go (named pipes), handle.go and
//     descriptors.go (more files than may be open)
//   - what is stored: position.go; what can be read again (spill mode): spill.go
//   - what is told: following.go (the status), metrics.go
package tail
