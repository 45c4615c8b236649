// Package wasm runs modules of WebAssembly on batches of records, as sandboxes: no files, no
// network, no clock but a false one, bounded memory and time.
//
// It owns the binary interface (abi.go) and the instances. It never decides what becomes of a
// record: the filter of the same name does, and the decoder of payloads (spool/format/decode).
//
// # The interface
//
// A module exports its memory and
//
//	alloc_batch(size u32) u32               room for a batch; it is asked for more room only
//	process_batch(at u32, size u32) u64     a batch; 0: all records stay as they are;
//	                                        otherwise at<<32 | size of the answer
//
// and, as a reactor, _initialize, which is called once. All integers are little-endian. A batch:
//
//	u32 records, text tag, text origin, then for each record:
//	i64 time (ns), bytes key, bytes value, u32 headers, then for each: text name, bytes value
//
// The filter and the decoder give batches of one record; a module has to take any number of them.
// The decoder takes the value of the record in the answer for the JSON, and gives no key, tag,
// origin, time or fields.
//
// text is u32 length and so many bytes; bytes is the same, with length 0xffffffff for null. The
// answer has for each record, in order, a byte: 0 it stays, 1 it becomes the record that follows
// (written as above), 2 it is discarded, 3 it goes to the dead letter, and text that says why.
//
// A module may import from "penstock", for JSON values, so that it needs no parser of its own:
//
//	field(record, path, path_len, room, room_len u32) i32    JSON text of a field, copied if it
//	                                                         fits; its length, -1: none
//	set_field(record, path, path_len, json, json_len u32) i32  1: done; 0: the value is no
//	                                                         object, or the text no JSON
//
// A field that was set is lost where the answer gives another record in its place.
//
// A module has to answer the same for a record whenever it comes: records are delivered again.
package wasm
