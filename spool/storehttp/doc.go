// Package storehttp owns the HTTP transport of object stores: one that turns a server which hangs into an error.
//
// It never retries and knows nothing about any store's protocol.
package storehttp
