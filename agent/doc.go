// Package agent builds pipelines from a configuration and runs them: start, reload, drain, stop.
//
// It owns the catalogue of components (catalogue.go; component.go says what a row is), and the life
// of every component and buffer (build.go, pipeline.go, opening.go, sources.go, supervised.go,
// reload.go). It owns what connects them: the sink that an input appends to (sink.go; front.go for
// filters in front of the buffer; feed.go and takeover.go for an input of several pipelines;
// inherit.go for one that is renamed), and the view of a log that an output drains (view.go, and
// routes.go for who gets what). One goroutine, that of Run (agent.go), owns all that changes.
//
// Where the rest is:
//
//   - what is commanded: commands.go, flushing.go, pauses.go, stopping.go (whom a stop waits for)
//   - what is told: taps.go, facts.go (gathered for package state), status.go, audit.go,
//     publishing.go and pushing.go (to others), statemetrics.go, registry.go (metrics by
//     component), logging.go, recent.go (what was logged as amiss), brokenlogs.go (what an output
//     drains again), watch.go (states, to the log and systemd), unclaimed.go (what waits in buffers
//     that no pipeline has), deadletters.go (where refused records are)
//   - the process: system.go and memory.go (limits, memory given back), gcpacer.go (the collector),
//     processors.go (how many are in use)
//   - without an agent: outputs.go (outputs alone, for commands), trial.go (what would become of a
//     record), preflight.go (whether what components talk to will serve them)
//   - packages below: config (HCL to structs), filter, joining (of records, in front of a buffer),
//     state (what everything is doing), admin (the page), metrics (their table), push (of
//     metrics), ledger (audits of all agents), cases, graph, convert, positions, starter
//
// It leaves what is in a record to package filter, holds no queue of its own, and never decides
// that something may be lost.
package agent
