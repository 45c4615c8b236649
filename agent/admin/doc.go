// Package admin is the window into a running agent: status page, metrics, health, profiles and the
// live tap, over HTTP.
//
// It owns the forms in which these are shown, and takes commands (commands.go), which the agent
// carries out, and decides who may do what (access.go, hosts.go). It holds up no pipeline for a
// slow viewer.
//
// Where things are:
//
//   - the server: server.go (what is where), patience.go (who does not read), listen.go, socket.go,
//     access.go, hosts.go
//   - what is shown: view.go, status.go (as JSON), page.go, configuration.go, audit.go,
//     metricsjson.go
//   - what is done: commands.go, deadletters.go; records as they pass: tap.go, servetap.go
package admin
