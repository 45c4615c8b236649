// Sends N events with the Node fluent logger and waits for their acks. Usage: node fluent_client.js HOST PORT N MODE [SHARED_KEY [USER PASSWORD]]
const { FluentClient } = require("@fluent-org/logger");

const [host, port, n, eventMode, key, user, password] = process.argv.slice(2);
const source = "node-" + eventMode + (key ? "-key" : "") + (user ? "-user" : "");
const client = new FluentClient("app." + source, {
  socket: { host, port: Number(port), timeout: 10000 },
  ack: { ackTimeout: 20000 },
  eventMode,
  milliseconds: true,
  flushInterval: 10,
  sendQueueIntervalFlushLimit: { length: 50 },
  security: key ? { clientHostname: "interop-client", sharedKey: key, username: user, password } : undefined,
});
const give = setTimeout(() => { console.error("not all acks came"); process.exit(1); }, 30000);
(async () => {
  const sent = [];
  for (let i = 0; i < Number(n); i++) sent.push(client.emit({ source, seq: i, text: "grüße", nested: { list: [1, 2.5, null, true] } }));
  await Promise.all(sent);
  await client.shutdown();
  clearTimeout(give);
})().catch((err) => { console.error(err); process.exit(1); });
