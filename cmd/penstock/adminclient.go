package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// askFor is how long an agent may take to answer: Nagios waits for a plugin for ten seconds.
const askFor = 8 * time.Second

// adminAddress is where a running agent is asked: host:port, https://host:port, unix:///path, or a
// configuration, which says it.
type adminAddress string

func adminFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String(
		"admin", "",
		"where the agent is asked: its configuration, its data directory or socket, or the address of its "+
			"admin server (agent.admin.listen), host:port, https://host:port or unix:///PATH; unless given, $"+
			adminVar+", or "+defaultSocket()+" where that answers, or "+defaultAdmin+
			". A token is read from $"+adminTokenVar+", for HTTPS whom to trust from $"+adminCAVar+
			", and a client certificate from $"+adminCertVar+" and $"+adminKeyVar,
	)
}

// adminTarget is adminFlag for a command whose argument, if it has one, says the same.
func adminTarget(cmd *cobra.Command) *string {
	addr := adminFlag(cmd)
	cmd.PreRunE = func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
		case *addr != "":
			return configError("give --admin, or what it says as an argument, not both")
		default:
			*addr = args[0]
		}
		return nil
	}
	return addr
}

// do sends a request and returns an answer with status 200, whose body the caller closes. An error
// says what to do, and has its exit code where it is the user's mistake.
func (a adminAddress) do(
	ctx context.Context, method, path string, query url.Values,
) (*http.Response, error) {
	s, err := a.server()
	if err != nil {
		return nil, &exitError{exitConfig, err}
	}
	client, err := s.client()
	if err != nil {
		return nil, &exitError{exitConfig, err}
	}
	target := s.url + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, configError("--admin %q is neither host:port nor unix:///PATH: %w", s.url, err)
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	resp, err := client.Do(req)
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return nil, errors.New("interrupted before the agent had answered")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf(
			"the agent at %s does not answer in time: it hangs, its machine is too busy, or something on "+
				"the way swallows what is sent", s.name,
		)
	}
	if err != nil {
		hint := certificateHint(err) + rightsHint(err)
		if u, ok := err.(*url.Error); ok {
			err = u.Err // where is said already
		}
		return nil, fmt.Errorf(
			"no agent answers at %s: %w; see that it runs, and that --admin leads to it%s",
			s.name, err, hint,
		)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict:
		if says := strings.TrimSpace(string(text)); says != "" {
			if strings.HasSuffix(says, "HTTP request to an HTTPS server.") {
				says = "it speaks HTTPS: write https://" + s.name
			}
			return nil, fmt.Errorf("the agent at %s: %s", s.name, says)
		}
	}
	return nil, fmt.Errorf(
		"the agent at %s answers %s: %s", s.name, resp.Status, strings.TrimSpace(string(text)),
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
		s, _ := a.server() // which has been asked
		return fmt.Errorf("what answers at %s is no agent of this release: %w", s.name, err)
	}
	return nil
}
