package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/network/tlsconf"
)

// metadata asks for no more of pods; a server that does not know it sends whole ones.
const metadata = "application/json;as=PartialObjectMetadata%s;g=meta.k8s.io;v=v1, application/json"

// object is what is read of a pod.
type object struct {
	Metadata struct {
		Name            string            `json:"name"`
		Namespace       string            `json:"namespace"`
		UID             string            `json:"uid"`
		ResourceVersion string            `json:"resourceVersion"`
		Labels          map[string]string `json:"labels"`
		Annotations     map[string]string `json:"annotations"`
		OwnerReferences []owner           `json:"ownerReferences"`
	} `json:"metadata"`
}

type owner struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Controller bool   `json:"controller"`
}

// status is how the API server tells a failure.
type status struct {
	Code    int    `json:"code"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

func (s *status) Error() string {
	return fmt.Sprintf("the API server answers %d %s: %s", s.Code, s.Reason, s.Message)
}

// expired reports whether the server no longer knows the version that was asked for.
func expired(err error) bool {
	s, ok := errors.AsType[*status](err)
	return ok && (s.Code == http.StatusGone || s.Reason == "Expired" ||
		strings.Contains(s.Message, "Too large resource version"))
}

// client speaks with the API server.
type client struct {
	base, node, tokenFile string
	noServer              error // why nobody can be asked, outside of a cluster
	http                  *http.Client
	watchFor              time.Duration // how long the server is asked to keep a watch
	grace                 time.Duration // how much longer it may take, and a list
}

func newClient(c *Config, log *slog.Logger) (*client, error) {
	base, err := c.server()
	if err != nil {
		return &client{
			base: "the API server of Kubernetes", noServer: err, http: &http.Client{},
			watchFor: 5 * time.Minute, grace: 30 * time.Second,
		}, nil
	}
	tr := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		MaxIdleConnsPerHost:   1,
	}
	out := &client{
		base: base, node: c.Node, watchFor: 5 * time.Minute, grace: 30 * time.Second,
		http: &http.Client{
			Transport: tr,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // the token is for nobody else
			},
		},
	}
	if !strings.HasPrefix(base, "https://") {
		return out, nil
	}
	out.tokenFile = c.TokenFile
	settings := tlsconf.Client{CAFile: accountDir + "ca.crt"}
	settings.MinVersion = "1.2"
	if c.TLS != nil {
		settings = *c.TLS
	}
	conf, err := tlsconf.NewClient(settings, log)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	tr.TLSClientConfig = tlsconf.ForServer(conf, u.Hostname())
	return out, nil
}

func (c *client) close() { c.http.CloseIdleConnections() }

// get asks for the node's pods with these parameters. The caller closes what it returns.
func (c *client) get(ctx context.Context, list string, params url.Values) (io.ReadCloser, error) {
	if c.noServer != nil {
		return nil, c.noServer
	}
	params.Set("fieldSelector", "spec.nodeName="+c.node)
	req, err := http.NewRequestWithContext(
		ctx, http.MethodGet, c.base+"/api/v1/pods?"+params.Encode(), nil,
	)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", fmt.Sprintf(metadata, list))
	if c.tokenFile != "" {
		token, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("token_file: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // its text has all of the query
		}
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer func() { _ = resp.Body.Close() }()
	s := &status{}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if json.Unmarshal(body, s) != nil || s.Message == "" {
		s.Message = strings.TrimSpace(string(body))
	}
	s.Code = resp.StatusCode
	return nil, s
}

// list calls take for each pod, and returns the version that a watch goes on from. at is a version
// of which what is told must not be older: "0" stands for any, "" for the newest there is.
func (c *client) list(
	ctx context.Context, at string, take func(*object),
) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*c.grace)
	defer cancel()
	for more := ""; ; {
		params := url.Values{"limit": {"500"}}
		if more != "" {
			params.Set("continue", more)
		} else if at != "" {
			params.Set("resourceVersion", at)
		}
		body, err := c.get(ctx, "List", params)
		if err != nil {
			return "", err
		}
		version, more, err = readList(body, take)
		_ = body.Close()
		if err != nil {
			return "", fmt.Errorf("read the list of pods: %w", err)
		}
		if more == "" {
			return version, nil
		}
	}
}

// readList reads a page of a list, one pod at a time.
func readList(r io.Reader, take func(*object)) (version, more string, err error) {
	dec := json.NewDecoder(r)
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return "", "", fmt.Errorf("it begins with %v: %w", t, errors.Join(err, errNoList))
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return "", "", err
		}
		switch key {
		case "metadata":
			var m struct {
				ResourceVersion string `json:"resourceVersion"`
				Continue        string `json:"continue"`
			}
			if err := dec.Decode(&m); err != nil {
				return "", "", err
			}
			version, more = m.ResourceVersion, m.Continue
		case "items":
			t, err := dec.Token()
			if err != nil {
				return "", "", err
			}
			for t != nil && dec.More() {
				var o object
				if err := dec.Decode(&o); err != nil {
					return "", "", err
				}
				take(&o)
			}
			if t != nil { // null where there are none
				if _, err := dec.Token(); err != nil {
					return "", "", err
				}
			}
		default:
			var skipped json.RawMessage
			if err := dec.Decode(&skipped); err != nil {
				return "", "", err
			}
		}
	}
	if _, err := dec.Token(); err != nil {
		return "", "", err
	}
	if version == "" {
		return "", "", errNoList
	}
	return version, more, nil
}

var errNoList = errors.New("it is no list of Kubernetes: does server lead to an API server?")

// watch calls take for each change after version, and seen with each version that is reached. It
// returns nil when the server ends it, which it does now and then.
func (c *client) watch(
	ctx context.Context, version string, connected func(), take func(kind string, o *object),
) error {
	ctx, cancel := context.WithTimeout(ctx, c.watchFor+c.grace)
	defer cancel()
	body, err := c.get(ctx, "", url.Values{
		"watch": {"1"}, "allowWatchBookmarks": {"true"}, "resourceVersion": {version},
		"timeoutSeconds": {strconv.Itoa(max(1, int(c.watchFor.Seconds())))},
	})
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	connected()
	dec := json.NewDecoder(body)
	for {
		var e struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		switch err := dec.Decode(&e); {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("watch pods: %w", err)
		}
		if e.Type == "ERROR" {
			s := &status{}
			_ = json.Unmarshal(e.Object, s)
			return s
		}
		var o object
		if err := json.Unmarshal(e.Object, &o); err != nil {
			return fmt.Errorf("watch pods: %w", err)
		}
		take(e.Type, &o)
	}
}
