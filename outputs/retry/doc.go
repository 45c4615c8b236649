// Package retry paces what is tried again: capped exponential backoff with jitter, and a log that
// says when something begins to fail, at intervals while it goes on, and when it works again.
//
// It never gives up: whoever calls decides when to stop. It logs a failure, and never handles one.
package retry
