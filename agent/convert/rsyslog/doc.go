// Package rsyslog turns rsyslog's configuration into one of penstock, as far as it reads files and
// writes to Kafka and the like.
//
// It owns both of its grammars, RainerScript and the legacy one, what modules, inputs, rulesets and
// actions mean, and their conditions. Lines of files stay lines; their tag is imfile's.
package rsyslog
