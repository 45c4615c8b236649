// Package filter holds the filters: pure functions on batches that run between a log and an output.
//
// A filter keeps the positions of a batch and the offsets of the records it lets through, and gives the same result each time it
// sees the same batch, so that records are delivered again unchanged after a failure. A record that a filter cannot handle (no
// JSON, no such field) passes unchanged and is counted; only what a filter was told to discard is discarded, and counted too.
//
// Filters do no input or output, keep no state between batches, and are safe for concurrent use.
package filter
