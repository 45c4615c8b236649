// Package ledger carries the counts of all agents to one place, where they are compared from one
// agent to the next: edge, forwarder, consumer.
//
// It owns what is published (Page), when (Publisher) and where (Place: Objects, Topic), what an
// agent counts that reads Kafka and so has no buffer's books (Counter), and the comparison (Read,
// Audit: join.go and kafka.go from one agent to the next, life.go for what took another's place,
// removed.go for what was lost with it). It counts nothing of what goes through a buffer: package
// tally does. It never holds up the delivery of records.
//
// A page is what the books of one buffer, or one run of an agent that has none, know of the records
// that a pipeline read in one hour, as one object, or the last record of its key: publishing it
// again replaces it, so that nothing is counted twice, and records that are delivered hours later
// are found where they belong. Pages of hours that did not change are not written again; the one of
// this hour always is, last, and says as of when all of them are.
//
// Two agents are compared by sums that only grow: what the first has had acknowledged, of records
// read up to some minute, and what the second has read up to there. The first may be ahead by what
// is on its way. Whatever is on its way arrives, so the least that it is ever ahead from some
// minute on is what was lost until then (compare has the arithmetic).
package ledger
