// Package admin is the window into a running agent: status page, metrics, health, profiles and the
// live tap, over HTTP.
//
// It owns the forms in which these are shown, and takes commands (commands.go), which the agent
// carries out, and decides who may do what (access.go, hosts.go). It holds up no pipeline for a
// slow viewer.
package admin
