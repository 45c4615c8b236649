// Package kafka is the input that reads Kafka topics as a member of a consumer group. Each assigned
// partition is a record.Log of its own, read where it is and never copied into the buffer.
//
// It owns membership, reading, and the fencing of commits: a partition is held by a lease, and once
// the lease is lost nothing is committed and nothing more is read through it. Two franz-go clients
// share the work: one is the group's member and never fetches a record, the other reads and knows
// nothing of the group. Neither commits by itself: every offset commit is made by Lease.Commit,
// with the note that the caller gave it, since a library's own commit would erase an intent.
//
// Where things are:
//
//   - membership: input.go, session.go, leases.go, heartbeats.go (has the group been heard of?)
//   - a partition that is ours: lease.go, readahead.go (what was fetched of it); its topic made
//     again: life.go
//   - reading: reader.go, inflate.go (what batches inflate to is bounded), toolarge.go, pools.go,
//     adopt.go (batches that are not copied), timestamp.go
//   - offsets: offsets.go, lookup.go and start.go (where to begin), epochs.go (is the log still the
//     one that was read?), coalesce.go (many at once), lag.go
//   - what a person is told: answers.go (no broker answers), refusals.go (they do, and refuse)
package kafka
