// Package promtail turns promtail's configuration into one of penstock.
//
// It owns what scrape configs and pipeline stages mean: labels become headers, and what stages take
// out of a line become fields. Loki itself has no output: where lines go is to be written.
package promtail
