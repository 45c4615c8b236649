// Package msgpack reads msgpack as it is found in log records, and writes it as JSON.
//
// It owns the forms of values and nothing else, allocates nothing but what it appends to, and never
// trusts a length with memory or with the stack.
//
// A value becomes JSON text, a map in the order of its keys, repeated keys included:
//
//   - str and bin become strings. A byte that is not part of valid UTF-8 becomes the four
//     characters \xNN (in JSON text "\\xNN"), so that text in an old encoding stays legible and
//     its bytes can be told.
//   - Integers are written out in full, up to 18446744073709551615. Floats take the shortest form
//     that reads back equal; NaN and the infinities, which JSON lacks, become the strings "NaN",
//     "Infinity" and "-Infinity".
//   - EventTime (ext type 0) and the msgpack timestamp (ext type -1) become a number of seconds
//     with nine decimals. Any other extension becomes {"ext":type,"data":"base64"}.
//   - A key that is not a string becomes the JSON text of its value, as a string: 1 becomes "1",
//     nil becomes "null".
//
// Where things are: heads and lengths in value.go, what can become a record in check.go, JSON in
// json.go and string.go.
package msgpack
