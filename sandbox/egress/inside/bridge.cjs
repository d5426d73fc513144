// bridge SOCKET PROGRAM ARGUMENTS...
const net = require('node:net');
const { spawn } = require('node:child_process');
const { constants } = require('node:os');

const [socket, program, ...rest] = process.argv.slice(1);

const server = net.createServer({ allowHalfOpen: true }, (client) => {
  const upstream = net.connect({ path: socket, allowHalfOpen: true });
  client.on('error', () => upstream.destroy());
  upstream.on('error', () => client.destroy());
  client.pipe(upstream);
  upstream.pipe(client);
});
server.on('error', () => {
  process.stderr.write('The network bridge could not start.\n');
  process.exit(125);
});
server.listen(3128, '127.0.0.1', () => {
  const child = spawn(program, rest, { stdio: 'inherit' });
  child.on('error', () => process.exit(127));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
});
