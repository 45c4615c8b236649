// Package producer is an idempotent Kafka producer for record batches that are encoded already. It
// writes producer id, epoch, sequence and checksum into a copy of each batch's header and leaves
// the rest as it lies.
//
// Machine is the protocol: a state machine without clock, input or output, one per client. Producer
// runs it over franz-go's connections, which keep metadata, TLS, SASL, throttling and version
// negotiation.
//
//	Send, Refresh            answers of brokers, metadata
//	      |                           |
//	      +---------> inbox <---------+     events, for the one goroutine of Producer.run
//	                    |
//	                    v
//	         Machine (and Txn): what is due
//	                    |
//	                    v
//	      sender, one per broker: requests in order
//
// Txn is the protocol of transactions on top of it: one identity for all partitions, taken anew
// after every failure, and a position that is committed with the records. What cannot be repeated
// safely under the same epoch is not repeated: the transaction is given up, and its owner begins
// again at the position that is committed.
//
// Outside of transactions an item whose fate is unknown is never given back: it is tried under its
// sequence until it is known. Only a topic that is refused for good (Events.Denied) ends that.
//
// Outside of transactions every partition has a producer id of its own, so that trouble in one
// never touches another, and a bumped epoch fences whatever an earlier attempt may still have on
// its way. It never decodes records and never decides which partition or topic they belong to.
//
// Where things are:
//
//   - the machine, without I/O: machine.go (what is sent next), partition.go (what is known of a
//     partition: numbers, attempts), item.go, outcome.go (answers), codes.go (what an error means),
//     giveup.go (what is given back); transactions.go (items of a transaction), txn.go (the
//     transaction)
//   - the loop that runs it: producer.go, inbox.go (what others ask of it), calls.go (of
//     transactions), topics.go (metadata), sender.go and request.go (a broker's connection),
//     metrics.go
package producer
