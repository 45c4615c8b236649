// Package kafkaclient holds the connection settings that everything speaking to Kafka shares, and
// turns them into franz-go options: brokers, TLS, SASL, timeouts, logging and connection metrics.
//
// It opens no connection itself, but to see whether a cluster answers (preflight.go), or whether a
// broker does that says nothing (answers.go), and knows nothing of records.
//
// Where things are:
//
//   - config.go (the attributes), options.go (franz-go's options, and TLS), preflight.go (does a
//     cluster answer?)
//   - who we are: sasl.go, bearer.go (OAuth), iam.go (Amazon's)
//   - which brokers say nothing: answers.go, ask.go (a request that is given up)
//   - not all at once: backoff.go, redial.go; names of topics: topic.go
//   - what is logged: log.go (what franz-go says), repeats.go (not each time)
package kafkaclient
