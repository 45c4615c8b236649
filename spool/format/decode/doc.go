// Package decode turns the values of records into JSON, which is what the formats work on: JSON
// itself, MessagePack, Avro and Protobuf with a schema registry, Thrift, and plain text; in the
// frames of registries.
//
// It owns the schema registry's client. It never changes a record and knows nothing of files.
package decode
