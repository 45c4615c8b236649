package kit

import (
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
)

// Encrypted is the block tls of what listens. Addresses of input "syslog" say that they are for it.
func Encrypted(b *draft.Block) *draft.Block {
	if listen := b.Get("listen"); listen != "" {
		b.Set("listen", draft.Value(strings.ReplaceAll(string(listen), `"tcp://`, `"tls://`)))
	}
	return b.In("tls")
}

// ServerCert has a server show a certificate, and returns what says so; nil if that or its key is
// missing, or empty, which is Lost.
func (c *Conv) ServerCert(
	b *draft.Block, cert, key *Node, at draft.Place, what string,
) *draft.Block {
	if cert == nil || cert.Value == "" || key == nil || key.Value == "" {
		c.D.Lost(
			b, at, what, "write tls { }, with cert_file and key_file: it listens without now",
		)
		return nil
	}
	tls := Encrypted(b)
	tls.Set("cert_file", Text(cert.Value))
	tls.Set("key_file", Text(key.Value))
	c.Carry(cert)
	c.Carry(key)
	return tls
}

// ClientAuthority has a server know the authority of its clients: the first of a list.
func (c *Conv) ClientAuthority(tls *draft.Block, n *Node, name string) {
	files := n.Texts(name)
	if len(files) > 0 {
		tls.Set("client_ca_file", Text(files[0]))
	}
	if len(files) > 1 {
		c.D.Lost(tls, n.At, n.Name+"."+name, "put all into one file")
	}
}

// RequireClientCert has a server refuse clients without a certificate, as what says, and reports
// whether that could be: it needs to know an authority.
func (c *Conv) RequireClientCert(tls *draft.Block, at draft.Place, what string) bool {
	if tls.Get("client_ca_file") == "" {
		c.D.Lost(
			tls, at, what,
			"write client_ca_file and require_client_cert: clients without a certificate are let in now",
		)
		return false
	}
	tls.Set("require_client_cert", draft.Bool(true))
	return true
}
