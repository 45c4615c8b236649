// Package format owns what is inside the files of an archive: formats, their compression, and the
// readers that take them apart again.
//
// The same records in the same order make the same bytes, always: an interrupted cut is made again
// over the names of the first. So nothing here looks at the clock, draws a random number, or
// depends on how records were batched. The package does no I/O but through the readers and writers
// it is given, and the schema registry of package decode.
//
// Where things are:
//
//   - the contract and the table of formats: format.go, config.go; compression: compress.go
//   - lines: lines.go (what they have in common, and raw), envelope.go (ndjson), delimited.go
//   - tables: column.go (the schema), staged.go (rows that wait for one), cells.go, infer.go (a
//     schema from a sample), registry.go (a schema that the values have), names.go, logical.go,
//     timestamp.go, number.go; avro.go and its neighbours, container.go, parquet.go,
//     parquet_schema.go
//   - JSON: json.go, json_text.go (strings), valid.go
//   - the way back: reader.go, container_reader.go, parquet_reader.go
package format
