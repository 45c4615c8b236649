// Package recordline owns how records look outside of the buffer: as lines of JSON in overflow
// objects and dead letters, how such an object is made, read and named.
//
// It reads and writes bytes alone. It never talks to a store, and never decides what a damaged line
// means.
package recordline
