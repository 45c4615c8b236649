package hook

import (
	"errors"
	"net/http"

	"github.com/penstock/penstock/spool/storehttp"
)

// newClient returns a client that does not follow where a POST would become a GET: the answer to
// that would be taken for one to what was posted.
func newClient(c Config) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.HTTP2 = storehttp.Pings()
	return &http.Client{
		Timeout:   c.Timeout,
		Transport: transport,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			// 303 tells that what was posted was taken, and where to read on.
			if req.Method != via[0].Method && req.Response.StatusCode != http.StatusSeeOther {
				return http.ErrUseLastResponse
			}
			if len(via) > 10 {
				return errors.New("too many redirects")
			}
			return nil
		},
	}
}
