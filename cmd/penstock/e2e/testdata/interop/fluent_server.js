// A fluent forward server that prints each event as a JSON line. Usage: node fluent_server.js PORT SHARED_KEY [USER PASSWORD]
const { FluentServer } = require("@fluent-org/logger");

const [port, sharedKey, user, password] = process.argv.slice(2);
const server = new FluentServer({
  listenOptions: { port: Number(port), host: "127.0.0.1" },
  keepalive: true,
  security: { serverHostname: "interop-server", sharedKey, authorize: Boolean(user), userDict: user ? { [user]: password } : {} },
});
server.on("entry", (tag, time, record) => console.log(JSON.stringify({ tag, time: Number(time), ...record })));
server.listen().then(() => console.error("listening"));
