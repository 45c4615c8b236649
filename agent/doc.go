// Package agent builds pipelines from a configuration and runs them: start, reload, drain, stop.
//
// It owns the catalogue of components (catalogue.go; component.go says what a row is), the life of
// every component and buffer (build.go, pipeline.go, opening.go, sources.go, supervised.go,
// reload.go), and what connects them: the sink that an input appends to (sink.go), and the view of
// a log that an output drains (view.go, and routes.go for who gets what). One goroutine, that of
// Run (agent.go), owns all that changes.
//
// It never looks into a record, holds no queue of its own, and never decides that something may be
// lost.
package agent
