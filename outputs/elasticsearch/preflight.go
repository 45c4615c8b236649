package elasticsearch

import (
	"context"
	"net/http"
	"sync"

	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/penstock/penstock/outputs"
)

// Preflight implements preflight.Checker: each server answers with the credentials given.
func (c *Config) Preflight(ctx context.Context, env preflight.Env, r *preflight.Report) {
	var wg sync.WaitGroup
	for _, u := range c.URLs {
		wg.Go(func() { c.tryServer(ctx, u, env, r) })
	}
	wg.Wait()
}

func (c *Config) tryServer(
	ctx context.Context, url string, env preflight.Env, r *preflight.Report,
) {
	one := *c
	one.URLs = []string{url}
	e, err := New(one, outputs.Env{
		Name: env.Name, Agent: env.Agent, Log: env.Log, Metrics: env.Metrics,
	})
	if err != nil {
		r.Unreachable(url, err)
		return
	}
	defer e.Close()
	a, err := e.sender.Do(ctx, http.MethodGet, "/", "", nil)
	switch {
	case err != nil:
		r.Unreachable(url, err)
	case a.Status == http.StatusUnauthorized:
		r.Fail(url, "check user and password, or api_key", "%v", a.Err())
	case a.Status == http.StatusForbidden: // writing is another right than this
		r.OK(url, "takes the credentials; whether they may index was not tried")
	case !a.OK():
		r.Warn(url, "see that the URL is right and the server well", "%v", a.Err())
	default:
		r.OK(url, "answers; whether documents are taken was not tried")
	}
}
