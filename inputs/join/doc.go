// Package join tells which lines make one event: by patterns, and by what the stack traces of
// common languages look like.
//
// It owns the rules alone, which are immutable and shared, and the small State of an event. It
// never holds a line: who reads keeps what is not complete where it was, and begins there again.
// What an event is depends on its own lines only, so that it is the same wherever reading begins.
package join
