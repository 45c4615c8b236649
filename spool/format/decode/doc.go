// Package decode turns the values of records into JSON, which is what the formats work on: JSON
// itself, MessagePack, Avro and Protobuf with a schema registry, Thrift, plain text, and whatever a
// module of WebAssembly understands; in the frames of registries.
//
// It owns the schema registry's client. It never changes a record and knows nothing of files.
//
// Where things are:
//
//   - the contract and the table of decoders: decode.go
//   - with a registry: registry.go and apicurio.go (its client), frame.go (which schema a value is
//     of), preflight.go
//   - Avro: avro.go, transcode.go (binary to JSON)
//   - Protobuf: protobuf.go, protoschema.go (descriptors), prototext.go, protobody.go and
//     protolex.go (.proto files), protoread.go, protoknown.go and protogoogle.go (well-known types)
//   - what schemas say of the fields of values: shape.go, shapeavro.go, shapeproto.go
//   - Thrift: thrift.go; MessagePack: msgpack.go; modules: module.go; how much JSON a value may
//     become: text.go
package decode
