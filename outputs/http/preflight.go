package http

import (
	"context"
	"net/http"

	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/outputs"
)

// Preflight implements preflight.Checker: the server answers a HEAD request, with the credentials
// that records would be sent with.
func (c *Config) Preflight(ctx context.Context, env preflight.Env, r *preflight.Report) {
	h, err := New(*c, outputs.Env{
		Name: env.Name, Agent: env.Agent, Log: env.Log, Metrics: env.Metrics,
	})
	if err != nil {
		r.Unreachable(c.URL, err)
		return
	}
	defer h.Close()
	a, err := h.sender.Do(ctx, http.MethodHead, "", "", nil)
	switch {
	case err != nil:
		r.Unreachable(c.URL, err)
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		r.Fail(c.URL, "check token, user, password and headers", "%v", a.Err())
	case a.Location != "", a.Status >= 500:
		r.Warn(c.URL, "see that the URL is right and the server well", "%v", a.Err())
	default:
		r.OK(c.URL, "answers, with %d to HEAD; whether it takes records was not tried", a.Status)
	}
}
