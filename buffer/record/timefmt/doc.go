// Package timefmt reads and writes times as people configure them: patterns of strftime, ISO 8601,
// RFC 1123 and epoch numbers. One implementation serves the paths of objects, the event time of
// records and templates.
//
// It allocates nothing per time and never looks at a clock. What a text leaves out (a year, a date)
// is filled in from the time that the caller names, so that the same record always has the same
// time.
package timefmt
