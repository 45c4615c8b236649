// Package partition decides where in the object store a record belongs: its event time, and the
// path that a template makes of time, topic, key, headers and fields.
//
// A record's path is a function of the record alone: its own time and bytes, never the clock on the
// wall and never what came before it. That is what lets an interrupted cut be made again,
// elsewhere, record by record the same. The package does no I/O.
//
// Where things are: partition.go (a record's key and path), source.go (the values that templates
// take), decoded.go, json.go, msgpack.go and spot.go (fields of a value), value.go, escape.go,
// span.go (which time a path stands for), config.go.
package partition
