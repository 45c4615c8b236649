package logstash

import (
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// security is who an input or output of topics is, and how it connects.
func (c *converter) security(b *draft.Block, n *kit.Node) {
	protocol := n.Take("security_protocol")
	if protocol == nil {
		return
	}
	if strings.HasSuffix(protocol.Value, "SSL") {
		t := b.In("tls")
		for _, key := range []string{"ssl_truststore_location", "ssl_keystore_location"} {
			if x := n.Take(key); x != nil {
				c.Lost(t, x, "a Java keystore: write ca_file, or cert_file and key_file, as PEM")
			}
		}
	}
	if strings.HasPrefix(protocol.Value, "SASL") {
		user, password := kit.JAAS(n.Text("sasl_jaas_config"))
		mechanism := n.Text("sasl_mechanism")
		if user == "" || mechanism == "" {
			c.Lost(b, protocol, "write a sasl block")
			return
		}
		kit.SASL(b, mechanism, user, password)
	}
	c.Carry(protocol)
}
