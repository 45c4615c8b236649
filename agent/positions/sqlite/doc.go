// Package sqlite reads the rows of one table of an SQLite 3 database that nobody writes.
//
// It owns the file format as far as that takes: pages, b-trees of tables, records, overflow pages,
// and what is in a write-ahead log and not yet in the file. It writes nothing, locks nothing, knows
// no SQL but the names of columns, and refuses what a rollback journal has left half done. A whole
// engine would add several MB to the binary for one table of six columns.
package sqlite
