// Package tally counts what becomes of records, so that a loss can be named by the minute in which
// they were read and by their origin: the file, or the connection, that they came from.
//
// What is counted, and where:
//
//	read        an input gave it to the buffer
//	buffered    it was laid down there; if not, it was lost on the way
//	taken       an output read it from the buffer, the rest waits; or was lost in the buffer
//	unmatched   the routes of the pipeline leave it to other outputs
//	filtered    a filter dropped it; added: a filter made one of another
//	delivered   the destination has acknowledged it
//	confirmed   the destination, asked after a crash, said that it has it
//	overflowed  it is in the store instead; replayed: and came back from there
//	dead        it is in the dead letter; what is none of these was lost in the output
//	again       sent once more, though it had been counted as delivered
//
// Read and buffered are stored in the transaction that stores the records, what becomes of them in
// an output in the one that stores its position. So a count survives exactly what the data
// survives: after a crash records that are read again are counted again, and their first counts are
// gone with them.
//
// Records are counted by batch, never looked at. Rows are few bytes, and bounded: a minute merges
// into its hour after a day, or sooner when there are too many, and is forgotten after a week. When
// there are too many origins the others share one row.
//
// It does no input or output. The buffer keeps the rows (buffer/books.go); deliver, overflow and
// the agent's view note what becomes of records (Keeper); Audit compares.
package tally
