package storehttp

import (
	"net/http"
	"time"
)

// Pings are the settings of HTTP/2 by which a connection that says nothing is asked whether it is
// alive, and closed if it is not. Without them one that a firewall has forgotten is used again
// after each request that runs out of time on it, until TCP gives it up, a quarter of an hour
// later.
func Pings() *http.HTTP2Config {
	return &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second}
}
