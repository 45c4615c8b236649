// Package replay brings back by hand what no running agent will: the overflow of a host that is
// gone, and dead letters.
//
// It removes what it has delivered, under the same lease as an agent, and never touches what it
// does not know.
package replay
