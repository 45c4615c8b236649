// Package outputtest holds the conformance suite that every output runs, and the fakes that outputs
// and what wraps them are tested with: a log and an object store in memory, with faults on demand.
//
// It owns no product code: nothing outside tests imports it.
package outputtest
