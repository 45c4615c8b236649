// Package spool is the archiver: it persists a log into partitioned objects, each record exactly
// once. It owns the cut, the intent, the spool files and the order of upload and commit, and the
// contract of an object store.
//
// It never reads back from the store to decide what was done (read-backs are of commits),
// and never lets the wall clock decide where a record goes.
//
// Where things are:
//
//   - the contract of a store: store.go, putonce.go (stores that refuse to overwrite), body.go,
//     try.go (whether one would take an object, asked before it is needed); listed.go (what one
//     lists); output.go (an archiver and the store that it owns)
//   - the archiver, one for each output: archiver.go, config.go; what its logs share: budget.go,
//     fdcache.go, bufpool.go, workdir.go, workers.go; what it says of failures: failurelogs.go,
//     underway.go; cuts.go and bind.go (what it tells of cuts and of a record's way)
//   - one log: drain.go (its goroutine, and when a cut is due), flush.go, settings.go (what an
//     intent is made good by), reading.go (the log, ahead of it), records.go (a batch is taken),
//     group.go (records are looked at together), placement.go and known.go (the file of a record),
//     deadletter.go and deadletterline.go (records that cannot be archived), commit.go (what the
//     protocol says is done)
//   - one cut: cut.go (files), arrivals.go (what is in memory of many small ones), spill.go and
//     compact.go (what memory has no room for), window.go (how it is read), member.go (what workers
//     make), losses.go (what was gone before it was read), finish.go (a file as it is uploaded)
//   - to the store: upload.go, name.go (names of objects), metadata.go (what is said of them),
//     conflicts.go (names that are taken)
//   - completeness: success.go (its configuration), completeness.go (what a drain knows of it),
//     complete.go (markers and hooks)
//
// Memory: the rows of a path wait in a buffer of 512 bytes to 512 KB until they are a member, or,
// where there are many paths, together with those of others; all within spool.memory, or they are
// spilled, compressed by s2. A path of a cut takes less than 1 KB beside them, and a log, with its
// reader in Kafka, about 30 KB.
//
// Which commit, upload or read-back comes next is decided in package protocol; where a record
// belongs, in partition; what a file looks like, in format.
package spool
