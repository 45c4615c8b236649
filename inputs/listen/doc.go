// Package listen is what the inputs that listen on a network share: addresses, the accept loop with
// its limit of connections, the memory that connections share, whether a client is still there, and
// a log that one noisy source cannot fill.
//
// It owns listeners and the goroutines of connections. It never reads or writes a connection's
// payload.
package listen
