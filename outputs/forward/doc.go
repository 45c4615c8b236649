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
// Where things are:
//
//   - the output: forward.go (a batch, as one chunk), config.go, preflight.go
//   - servers: balance.go (whose turn it is), server.go (connections and health of one), monitor.go
//     (heartbeats)
//   - connections: link.go (dialling, sending, the ack), handshake.go (what a failed one means)
package forward
