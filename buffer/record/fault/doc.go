// Package fault is how failures are waited out: capped exponential backoff with jitter, attempts
// that go on until one works, and a sleep that ends with its context.
//
// It never gives up, and never handles a failure: whoever calls decides when to stop. It is a leaf:
// it knows no record, store or broker, starts no goroutine, and imports no other package of this
// module.
package fault
