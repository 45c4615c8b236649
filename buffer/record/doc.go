// Package record is the vocabulary that every other package shares: records, batches, the log they
// stand in, and the batch codec.
//
// It owns the one representation of a batch, from the input to the topic: a Kafka record batch
// (magic 2) under a small envelope. It does no input or output, starts no goroutine, and imports no
// other package of this module but msgpack, which lies below it.
//
// Values may be kept in another form than readers see: maps in msgpack, as a sender wrote them, are
// seen as JSON (form.go). Records, Each and Packed give what is seen; EachAsKept, PackedAsKept and
// Part what is kept.
//
// Where things are:
//
//   - what there is: record.go, batch.go, time.go, age.go, places.go; the log and what it may be
//     able to do: log.go
//   - a batch being made: builder.go; one read from elsewhere: over.go; under another tag:
//     retag.go; values that are kept as they came: form.go
//   - its bytes: kafka.go (the record batch), envelope.go, codec.go (compression), varint.go,
//     each.go (records without memory of their own)
//
// Below lie the leaves that all rooms share: fault (failures), durable (files), network, template,
// dialect and timefmt (what stands in templates), and helpers of tests.
package record
