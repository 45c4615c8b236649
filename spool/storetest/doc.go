// Package storetest is the conformance suite that every spool.Store passes, with faults put between
// a store and its server.
//
// It owns what a store promises, as tests. It knows no particular store.
package storetest
