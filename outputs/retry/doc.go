// Package retry is a log that says when something begins to fail, at intervals while it goes on,
// and when it works again. How long to wait in between is the business of buffer/record/fault.
//
// It logs a failure, and never handles one.
package retry
