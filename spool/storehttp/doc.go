// Package storehttp owns the HTTP transport of object stores: one that turns a server which hangs
// into an error, and a connection that is closed into one that cannot pass for the end of anything.
//
// It never retries and knows nothing about any store's protocol.
package storehttp
