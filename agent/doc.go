// Package agent builds pipelines from a configuration and runs them: start, reload, drain, stop.
//
// It owns the catalogue of components, the life of every component and buffer, and what connects them: the sink that an input
// appends to, and the view of a log that an output drains. One goroutine, that of Run, owns all that changes.
//
// It never looks into a record, holds no queue of its own, and never decides that something may be lost.
package agent
