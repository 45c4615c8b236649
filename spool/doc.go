// Package spool is the archiver: it persists a log into partitioned objects, each record exactly once. It
// owns the cut, the intent, the spool files and the order of upload and commit, and the contract of an object store.
//
// It never reads back from the store to decide what was done, and never lets the wall clock decide where a record goes.
package spool
