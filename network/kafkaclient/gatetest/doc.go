// Package gatetest guards a kfake cluster the way the listeners of a broker do, with TLS and with
// the SASL mechanisms that kfake does not speak: OAUTHBEARER and AWS_MSK_IAM. It judges by itself
// what clients send, with none of the client's code.
//
// It is for tests alone; nothing in it is fit for a real server.
package gatetest
