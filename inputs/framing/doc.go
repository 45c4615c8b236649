// Package framing is what inputs of unacknowledged messages share: cutting streams into frames,
// reading datagrams, and gathering records into batches for senders that cannot send again.
//
// It owns buffers of bounded size, never the meaning of a frame. It never drops: a frame over the
// limit is handed out in parts, and what the sink does not take is offered again until it does or
// the input's time is over.
package framing
