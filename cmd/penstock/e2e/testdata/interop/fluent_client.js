// Sends N events with the Node fluent logger in ack mode. Usage: node fluent_client.js HOST PORT N [SHARED_KEY]
const { FluentClient } = require("@fluent-org/logger");

const [host, port, n, key] = process.argv.slice(2);
const client = new FluentClient("app.node", {
  socket: { host, port: Number(port), timeout: 10000 },
  ack: { ackTimeout: 20000 },
  eventMode: "PackedForward",
  security: key ? { clientHostname: "interop-client", sharedKey: key } : undefined,
});
(async () => {
  const sent = [];
  for (let i = 0; i < Number(n); i++) sent.push(client.emit({ source: "node", seq: i }));
  await Promise.all(sent);
  await client.shutdown();
})().catch((err) => { console.error(err); process.exit(1); });
