// Command fleet measures what many agents ask of a Kafka cluster: it runs their outputs, in one
// process, against three real brokers, and prints requests by kind, transactions, latencies, and
// the brokers' processor time and memory. With -outage it takes all brokers away instead and prints
// what the agents do second by second: connections, transactions, requests to the store of the
// overflow.
//
//	PENSTOCK_KAFKA_LIBS=.cache/kafka/libs go run ./cmd/fleet -agents 100,300,1000 -batches 1
//	PENSTOCK_KAFKA_LIBS=.cache/kafka/libs go run ./cmd/fleet -agents 1000 -outage 40s
//
// An agent is an output "kafka" with its failover, drained from a log in memory; inputs and the
// disk buffer, which no broker notices, are left out. It is a program to look at, never a test: on
// a machine that agents and brokers share, processor time per request says more than latencies.
package main
