// Package kafka is the output that produces to Kafka: idempotent, acks=all, in order per source.
//
// With delivery = "exactly_once" it produces in transactions instead: a Session for each log, known
// to Kafka by a transactional id of the log's own. The group of that name holds the position, at
// partition 0 of the position topic, with a note of whose it is.
//
// A topic that is not there holds up its own records alone: they are parked until it is, or refused
// after a while, and the dead letter keeps them. With transactions all behind them waits as well.
//
// It owns the way from a batch to a partition: topic, key, partitioner, and whether a batch goes
// out as it lies (the direct path) or record by record (the record path). Sequences, retries and
// brokers belong to the package producer below it; retry after a failure that lasts, dead letter
// and failover belong to the drain loop above it. It never drops and never reorders within a
// partition.
//
// Where things are:
//
//   - a batch: writer.go (Start), direct.go and records.go (the two paths), delivery.go (when all
//     of it is delivered), events.go (the producer's answers), maps.go (format = "msgpack")
//   - topics and partitions: route.go, mapping.go (their number has changed), absent.go and
//     parked.go (topics that are not there), retention.go (records that would expire at once)
//   - exactly once: session.go; is it up again?: probe.go; what fails, told once: failurelog.go;
//     where a record would go, without sending it: bind.go
package kafka
