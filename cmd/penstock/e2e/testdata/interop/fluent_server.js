// A fluent forward server that prints each event as a JSON line. Usage: node fluent_server.js PORT SHARED_KEY
const { FluentServer } = require("@fluent-org/logger");

const [port, key] = process.argv.slice(2);
const server = new FluentServer({
  listenOptions: { port: Number(port), host: "127.0.0.1" },
  keepalive: true,
  security: key ? { serverHostname: "interop-server", sharedKey: key } : undefined,
});
server.on("entry", (tag, time, record) => console.log(JSON.stringify({ tag, record })));
server.listen().then(() => console.error("listening"));
