// Package push sends the agent's metrics, as /metrics has them, to those who do not fetch them:
// StatsD, DogStatsD, OpenTSDB and OTLP over HTTP. It owns what is kept when the receiver is away
// (a few snapshots, the oldest of which goes first) and never holds up anything else.
package push
