package kubernetes

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/penstock/penstock/inputs/ratelimit"
	"github.com/penstock/penstock/network/tlsconf"
)

const accountDir = "/var/run/secrets/kubernetes.io/serviceaccount/"

// Config is the kubernetes block of an input.
type Config struct {
	Node               string            `hcl:"node" doc:"Name of this node, whose pods are watched; env(\"NODE_NAME\") where the pod has it from spec.nodeName."`
	Server             string            `hcl:"server,optional" doc:"URL of the API server. The default is that of the cluster in which the agent runs."`
	TokenFile          string            `hcl:"token_file,optional" path:"read" doc:"File with the token of a service account that may list and watch pods; read again for each request. It is not shown to a server without TLS."`
	TLS                *tlsconf.Client   `hcl:"tls,block" doc:"TLS to the API server. The default trusts the service account's ca.crt."`
	Labels             []string          `hcl:"labels,optional" doc:"Labels of the pod that become headers labels.NAME; a * at the end stands for anything."`
	Annotations        []string          `hcl:"annotations,optional" doc:"Annotations of the pod that become headers annotations.NAME, named as labels are."`
	Wait               time.Duration     `hcl:"wait,optional" doc:"How long a file waits for its pod to be known. After that it is read without labels, and counted; they are added once they are known."`
	HonorExclude       bool              `hcl:"honor_exclude,optional" doc:"Whether the annotations penstock.io/exclude and fluentbit.io/exclude (\"true\"), with -CONTAINER behind them for one container, leave out what a pod logs. It stays in its files, and is read if the annotation goes while they are there."`
	PodRateLimit       *ratelimit.Config `hcl:"pod_rate_limit,block" doc:"How fast the logs of each pod are read at most, all its containers together. What is over it stays in the files and is read later."`
	NamespaceRateLimit *ratelimit.Config `hcl:"namespace_rate_limit,block" doc:"The same for each namespace, on this node."`
}

// SetDefaults presets the block.
func (c *Config) SetDefaults() {
	*c = Config{
		TokenFile: accountDir + "token", Labels: []string{"*"}, Wait: 10 * time.Second,
		HonorExclude: true,
	}
}

// Validate reports everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	if c.Node == "" {
		errs = append(errs, errors.New(
			`node: must name this node: write node = env("NODE_NAME"), which the pod has from spec.nodeName`,
		))
	}
	if c.Server != "" {
		u, err := url.Parse(c.Server)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			errs = append(errs, fmt.Errorf("server: %q is no URL such as https://10.96.0.1:443", c.Server))
		}
	}
	for name, patterns := range map[string][]string{"labels": c.Labels, "annotations": c.Annotations} {
		for i, p := range patterns {
			if p == "" || strings.Contains(strings.TrimSuffix(p, "*"), "*") {
				errs = append(errs, fmt.Errorf(
					"%s[%d]: %q must be a name, one that ends with *, or * alone", name, i, p,
				))
			}
		}
	}
	if c.Wait < 0 {
		errs = append(errs, errors.New("wait: must not be negative"))
	}
	if c.TLS != nil {
		errs = append(errs, nested("tls", c.TLS.Validate()))
	}
	for name, l := range map[string]*ratelimit.Config{
		"pod_rate_limit": c.PodRateLimit, "namespace_rate_limit": c.NamespaceRateLimit,
	} {
		if l != nil {
			errs = append(errs, nested(name, l.Validate()))
		}
	}
	return errors.Join(errs...)
}

func nested(block string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s.%w", block, err)
}

// server returns the URL of the API server.
func (c *Config) server() (string, error) {
	if c.Server != "" {
		return strings.TrimSuffix(c.Server, "/"), nil
	}
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return "", errors.New(
			"server: not in a cluster (KUBERNETES_SERVICE_HOST is not set): write the URL of the API server",
		)
	}
	return "https://" + net.JoinHostPort(host, port), nil
}

// wanted reports whether one of patterns is name, or what it begins with.
func wanted(patterns []string, name string) bool {
	for _, p := range patterns {
		prefix, ok := strings.CutSuffix(p, "*")
		if ok && strings.HasPrefix(name, prefix) || p == name {
			return true
		}
	}
	return false
}
