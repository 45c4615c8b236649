// Package record is the vocabulary that every other package shares: records, batches, the log they
// stand in, and the batch codec.
//
// It owns the one representation of a batch, from the input to the topic: a Kafka record batch
// (magic 2) under a small envelope. It is a leaf: it does no input or output, starts no goroutine,
// and imports no other package of this module.
package record
