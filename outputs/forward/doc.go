// Package forward is the output that speaks the Fluentd forward protocol to fluentd, to fluent-bit,
// or to another penstock. Another penstock it finds out from the server's HELO and then sends
// records to exactly as they are (see package wire).
//
// It owns the connections to its servers, their weights and their health. A batch is one chunk,
// delivered when the server has acknowledged it. A chunk without an ack is sent again, to another
// server where there is one, so that duplicates are never more than what was not acknowledged. It
// does not retry beyond one round of its servers: that is the drain loop's business.
//
// To anyone but a penstock a record goes as the map its JSON value stands for, or as {"message":
// value}; key and headers stay behind.
//
// # What is kept of a map
//
// A map that an input forward has taken in a pipeline without filters goes on byte for byte
// (record.Msgpack). Its time goes as EventTime whatever it came as, and metadata stays behind, but
// for another penstock, which gets it as a header.
//
// What has been JSON in between, for a filter, in the overflow, in a dead letter or in Kafka, and
// what goes to a penstock that does not say in its HELO that it takes maps, is not the same map
// any more:
//
//   - bin and ext come as str, ext as a map of its type and base64, EventTime as a float64;
//   - bytes that are not UTF-8 come as the four characters \xNN each;
//   - float32 comes as float64, of the same decimal text; NaN and infinities as str;
//   - a key that is no string comes as the text of its JSON;
//   - lengths and numbers come in their shortest form.
//
// Integers of 64 bits, the order of keys, and keys that repeat come through that, too.
//
// Where things are:
//
//   - the output: forward.go (a batch, as one chunk), config.go, preflight.go
//   - servers: balance.go (whose turn it is), server.go (connections and health of one), monitor.go
//     (heartbeats)
//   - connections: link.go (dialling, sending, the ack), handshake.go (what a failed one means)
package forward
