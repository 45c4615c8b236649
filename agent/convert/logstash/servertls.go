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
	if !cert.Says() || !key.Says() {
		c.D.Lost(b, n.At, n.Name+".ssl", "write tls { }, with cert_file and key_file: it listens without now")
		return
	}
	tls := b.In("tls")
	tls.Set("cert_file", kit.Text(cert.Value))
	tls.Set("key_file", kit.Text(key.Value))
	c.Carry(cert)
	c.Carry(key)
	if ca := n.Texts("ssl_certificate_authorities"); len(ca) > 0 {
		tls.Set("client_ca_file", kit.Text(ca[0]))
		if len(ca) > 1 {
			c.D.Lost(tls, n.At, n.Name+".ssl_certificate_authorities", "put all into one file")
		}
	}
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
