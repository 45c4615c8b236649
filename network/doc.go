// Package network is the room of what inputs and outputs share of networks. In itself it is how an
// address is written in a configuration; below it lie
//
//	tlsconf      the TLS blocks of a configuration
//	wire         the Fluentd forward protocol, for both ends
//	kafkaclient  the settings of a connection to Kafka
//	certtest     certificates for tests
//
// Nothing in here opens a connection, but to see whether a cluster answers, or knows an input or an
// output. wire alone knows records.
package network
