// Package wire is the Fluentd forward protocol, versions 1 and 1.5, for both ends of a connection:
// a streaming reader of messages, a packer of messages, acknowledgements, and the handshake.
//
// It owns the bytes and nothing else: it opens no connection, starts no goroutine and decides
// nothing about durability. It never trusts a length prefix with memory: buffers grow only as data
// arrives.
//
// Protocol: https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1 and -v1.5.
//
// Where things are:
//
//   - reading: window.go (the stream, within a budget of memory), message.go (which mode), event.go
//     (events of a message), inflate.go (compressed chunks), option.go (options and acks),
//     jsonconn.go (connections that speak JSON)
//   - writing: pack.go, exact.go (records as they are)
//   - msgpack is read, and made JSON, by buffer/record/msgpack; times: time.go; from JSON:
//     fromjson.go, scan.go, json.go
//   - the handshake, of both ends: handshake.go
//
// # Records
//
// An event's record is handed out as the JSON text of its map, as package msgpack makes it. Nesting
// beyond Limits.Depth makes the event one that cannot be kept as a record. After Message.KeepMaps a
// map is handed out as it came instead; what cannot become JSON is bad all the same, so that
// whoever wants the text later gets it.
//
// Events that are not [time, map] are handed out raw, marked with the reason, and the rest of the
// chunk goes on.
//
// # Between two penstocks
//
// An event whose map has "penstock": 1 as its first entry carries a record exactly: time, key,
// value and headers come out byte for byte. It is still [EventTime, map], so that any forward peer
// can read it. The map holds, in this order:
//
//	"penstock"          1
//	"message"           bin: the value; nil for a null value; a map that is kept as it came
//	"penstock_origin"   str: the origin of this and the following events of the message; in the
//	                    first event only
//	"penstock_key"      bin: the key; absent for a null key
//	"penstock_headers"  array of [str, bin or nil]: the headers in order; absent without any
//	"penstock_time"     int: nanoseconds since the epoch, where EventTime cannot hold the time
//
// A server tells that it understands this with "penstock": 1 in the options of its HELO, and that a
// value may be a map with "penstock_maps": 1; other clients ignore that.
package wire
