// Package fault is how failures are waited out and told. There are capped exponential backoff with
// jitter, attempts that go on until one works, and a sleep that ends with its context (backoff.go).
// There is a log that says when something begins to fail, at intervals while it goes on, and when
// it works again (failurelog.go). There are the same for several things that fail by themselves
// (keyedlog.go), and one that says so of what many sources do wrong (throttledlog.go).
//
// It never gives up, and never handles a failure: whoever calls decides when to stop. It is a leaf:
// it knows no record, store or broker, starts no goroutine, and imports no other package of this
// module.
package fault
