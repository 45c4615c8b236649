// Package format owns what is inside the files of an archive: formats, their compression, and the
// readers that take them apart again.
//
// The same records in the same order make the same bytes, always: an interrupted cut is made again
// over the names of the first. So nothing here looks at the clock, draws a random number, or
// depends on how records were batched. The package does no I/O but through the readers and writers
// it is given, and the schema registry of package decode.
package format
