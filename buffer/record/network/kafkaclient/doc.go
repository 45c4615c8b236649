// Package kafkaclient holds the connection settings that everything speaking to Kafka shares, and
// turns them into franz-go options: brokers, TLS, SASL, timeouts, logging and connection metrics.
//
// It opens no connection itself, but to see whether a cluster answers (preflight.go), and knows
// nothing of records.
package kafkaclient
