// Package filter holds the filters: functions on records that run between a log and an output.
//
// A Chain takes each record through all its filters before the next one. What a filter gets is a
// View: it looks fields up in the JSON text as it lies, and an edit takes the text apart once,
// however many filters edit it. A record that no filter changes is never encoded anew, and a batch
// of which no record is changed leaves as it came.
//
// Filters keep the positions of a batch and the offsets of the records they let through. They give
// the same result each time they see the same batch: after a failure, records are delivered again
// unchanged. A filter that remembers what came before (Stateful) does so by position, and has its
// memory per log and output. A record that a filter cannot handle (no JSON, no such field) passes
// unchanged and is counted, unless the filter was told what to do with it. Only what a filter was
// told to discard is discarded, and counted too. What it refuses is in the dead letter before the
// record's position is passed, or comes with the batch to a reader that keeps it.
//
// One filter joins records, and does it in front of the log, with those that are written before it:
// what it says is here (multiline.go), what it does is in package joining.
//
// The text formats that parse knows are in formats/, which knows nothing of records and JSON texts.
//
// Where things are:
//
//   - the contract: filter.go; several in a row: chain.go; who is concerned: common.go, route.go
//   - a record being edited: view.go (the record), object.go (its value as JSON), path.go (a
//     field's name), types.go, arena.go (memory for what is made)
//   - expressions: expression.go, expression_env.go, expression_patch.go
//   - regular expressions on JSON that stays JSON: rewrite.go
//   - what outlives a record: memory.go (keys), columns.go (names of columns), meter.go (metrics)
//   - modules of WebAssembly: wasm.go, and wasm/ for their interface and instances
//   - each filter in a file of its name; those of a few lines are drop.go, where.go and rename.go
package filter
