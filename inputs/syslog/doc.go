// Package syslog is the input for syslog messages, RFC 3164 and RFC 5424, over UDP, TCP (counted
// framing, RFC 6587, or a newline or NUL behind each message), TLS (RFC 5425) and unix sockets.
//
// It owns the sockets and the parser. The protocol has no acks: what was read is stored even when
// the agent is stopping. A full buffer stops the reading; then the kernel drops what comes by UDP,
// and is asked how much that was. Nothing that was read is discarded: a message that is not syslog
// is kept raw, flagged with "malformed": true.
//
// A record's value is a JSON object with what the message has of: facility, severity, hostname,
// app_name, proc_id, msg_id, structured_data (an object of objects; of a parameter that is repeated
// the values are an array), message; its time is the message's, or that of its arrival. A message
// over max_message_size becomes several records, all but the first marked "continued": true.
package syslog
