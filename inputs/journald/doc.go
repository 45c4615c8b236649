// Package journald is the input that follows the systemd journal through the program journalctl and
// the journal export format.
//
// It owns the child process and the cursor: each batch is stored together with the cursor of its
// last entry, so that a restart goes on exactly behind it. With from = "end" the first start stores
// the end before anything is read. It uses neither cgo nor libsystemd.
//
// A record's value is a JSON object of the entry's fields under their own names, values as strings;
// a field that occurs several times becomes an array. Its time is the entry's __REALTIME_TIMESTAMP,
// to the microsecond.
//
// Format: https://systemd.io/JOURNAL_EXPORT_FORMATS/
package journald
