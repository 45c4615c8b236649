package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// adminTokenVar is the environment variable with the token of the admin server.
const adminTokenVar = "PENSTOCK_ADMIN_TOKEN"

// adminAddress is where a running agent is asked: host:port, or unix:///path.
type adminAddress string

func adminFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String(
		"admin", "127.0.0.1:9600",
		"address of the agent's admin server (agent.admin.listen), host:port, https://host:port or unix:///PATH; "+
			"its token is read from $"+adminTokenVar,
	)
}

// do sends a request and returns an answer with status 200, whose body the caller closes. An error
// says what to do.
func (a adminAddress) do(
	ctx context.Context, method, path string, query url.Values,
) (*http.Response, error) {
	client, host := http.DefaultClient, string(a)
	if socket, ok := strings.CutPrefix(host, "unix://"); ok {
		host = "localhost"
		client = &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", socket)
			},
		}}
	}
	target := "http://" + host + path
	if strings.HasPrefix(host, "https://") {
		target = strings.TrimSuffix(host, "/") + path
	}
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, fmt.Errorf("--admin %q is neither host:port nor unix:///PATH: %w", a, err)
	}
	if token := os.Getenv(adminTokenVar); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf(
			"no agent answers at %s: %w; see that it runs, and that --admin is its agent.admin.listen",
			a, err,
		)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	return nil, fmt.Errorf(
		"the agent at %s answers %s: %s", a, resp.Status, strings.TrimSpace(string(text)),
	)
}

// get asks for a page of JSON within a time.
func (a adminAddress) get(
	ctx context.Context, within time.Duration, path string, query url.Values, into any,
) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	resp, err := a.do(ctx, http.MethodGet, path, query)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("what answers at %s is no agent of this release: %w", a, err)
	}
	return nil
}
