// Package admin is the window into a running agent: status page, metrics, health, profiles and the
// live tap, over HTTP.
//
// It owns the forms in which these are shown. It changes nothing in the agent, holds up no pipeline
// for a slow viewer, and has no authentication: it is meant for loopback.
package admin
