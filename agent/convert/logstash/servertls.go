package logstash

import (
	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// serverTLS carries over how an input is protected. What listened with TLS does not listen without
// it unsaid.
func (c *converter) serverTLS(b *draft.Block, n *kit.Node) {
	on := false
	for _, name := range []string{"ssl", "ssl_enable", "ssl_enabled"} {
		x := n.Find(name)
		if x == nil {
			continue
		}
		if on = n.On(name); !on {
			c.Left(b, x, "it listens without TLS: what else is said of it has no effect")
			return
		}
	}
	cert, key := n.Take("ssl_certificate", "ssl_cert"), n.Take("ssl_key")
	if cert == nil && !on {
		return
	}
	tls := c.ServerCert(b, cert, key, n.At, n.Name+".ssl")
	if tls == nil {
		return
	}
	c.ClientAuthority(tls, n, "ssl_certificate_authorities")
	said := "ssl_client_authentication"
	mode := n.Text(said)
	if mode == "" {
		said = "ssl_verify_mode"
		mode = n.Text(said)
	}
	switch mode {
	case "force_peer", "required":
		c.RequireClientCert(tls, n.At, n.Name+"."+said)
	}
}
