// Package socket is the inputs "tcp" and "udp": lines from whoever connects, datagrams from whoever
// sends.
//
// It owns the sockets. There are no acks: what was read is stored even when the agent is stopping,
// and a full buffer stops the reading: then the kernel drops datagrams. A line ends
// at a newline or a NUL, as GELF and Python's SysLogHandler send it. A line over the limit becomes
// several records; all but the first have the header "continued".
package socket
