package decode

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/penstock/penstock/buffer/record/preflight"
)

// Preflight reports whether each address of the registry answers, with the credentials given.
func (r *Registry) Preflight(ctx context.Context, frame string, report *preflight.Report) {
	c, err := newClient(r)
	if err != nil {
		report.Unreachable("registry", err)
		return
	}
	defer c.http.CloseIdleConnections()
	path := "/schemas/types"
	if strings.HasPrefix(frame, "apicurio") {
		path = "/system/info"
	}
	for _, base := range r.URLs {
		target := "registry " + base
		status, err := c.status(ctx, strings.TrimSuffix(base, "/")+path)
		switch {
		case err != nil:
			report.Unreachable(target, err)
		case status == http.StatusUnauthorized, status == http.StatusForbidden:
			report.Fail(
				target, "check username and password, or token", "answers %d %s", status,
				http.StatusText(status),
			)
		case status != http.StatusOK:
			report.Warn(
				target, "see that the URL is that of the registry's API", "answers %d %s", status,
				http.StatusText(status),
			)
		default:
			report.OK(target, "answers")
		}
	}
}

func (c *client) status(ctx context.Context, url string) (int, error) {
	res, err := c.send(ctx, url)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}
