// Package forward is the input that speaks the Fluentd forward protocol, so that fluentd,
// fluent-bit and the fluent loggers can send to penstock as they send to fluentd.
//
// It owns the connections, the handshake and the acknowledgements. A chunk is acknowledged when
// every event of it is durable, in the buffer or, where it cannot be kept as a record, in the dead
// letter: never before, and never what was discarded. It holds no queue: a buffer that does not
// take more stops the reading of the connection, but for the rest of its first message, which says
// whether the client wants an ack. One that does and goes is given up, for it sends that again.
//
// Events become records whose value is the JSON text of their map (see package wire); tag and time,
// to the nanosecond, are kept. Where the sink says that outputs pass maps on, which are forward and
// Kafka's with format = "msgpack", they are appended as they came, and whoever looks into the
// records sees the same JSON (record.Msgpack). Origin is the sender's host name where the handshake
// proved one, else its address. Metadata of protocol v1.5 becomes the header "fluent_metadata".
//
// Where things are:
//
//   - the input: forward.go, config.go, metrics.go
//   - a connection: conn.go, auth.go (the handshake), wrongprotocol.go (clients that speak another
//     protocol)
//   - its events: gather.go (events of a tag become batches), acks.go (when a chunk is
//     acknowledged)
package forward
