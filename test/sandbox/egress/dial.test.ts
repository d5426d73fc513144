import type { AddressInfo } from 'node:net';
import { createServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { dial } from '../../../sandbox/egress/dial.ts';
import { makeCertificate } from '../../helpers/origin-certificate.ts';
import { startOrigin } from '../../helpers/proxy-client.ts';

const ORIGIN = makeCertificate('api.example.com');

async function startTlsOrigin(): Promise<number> {
  const server = createServer({ cert: ORIGIN.certificate, key: ORIGIN.key }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.end('SERVER');
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function trustOrigin(): void {
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, ORIGIN.certificate]);
  onTestFinished(() => setDefaultCACertificates(before));
}

test('TLS with the certificate of the host is taken', async () => {
  trustOrigin();
  const socket = await dial({
    addresses: ['127.0.0.1'],
    port: await startTlsOrigin(),
    tlsFor: 'api.example.com',
    timeoutMs: 5000,
  });
  expect(socket).toBeDefined();
  socket?.destroy();
});

test('a certificate of another host is not', async () => {
  trustOrigin();
  expect(
    await dial({ addresses: ['127.0.0.1'], port: await startTlsOrigin(), tlsFor: 'www.example.com', timeoutMs: 5000 }),
  ).toBeUndefined();
});

test('a certificate nobody vouches for is not', async () => {
  expect(
    await dial({ addresses: ['127.0.0.1'], port: await startTlsOrigin(), tlsFor: 'api.example.com', timeoutMs: 5000 }),
  ).toBeUndefined();
});

test('a host that is not TLS is not', async () => {
  const origin = await startOrigin((socket) => void socket.end('SSH-2.0-x\r\n'));
  expect(
    await dial({ addresses: ['127.0.0.1'], port: origin.port, tlsFor: 'api.example.com', timeoutMs: 5000 }),
  ).toBeUndefined();
});

test('the next address is tried when one does not answer', async () => {
  const origin = await startOrigin();
  const socket = await dial({ addresses: ['127.0.0.2', '127.0.0.1'], port: origin.port, tlsFor: '', timeoutMs: 1000 });
  expect(socket?.remoteAddress).toBe('127.0.0.1');
  socket?.destroy();
});

test('a host that never completes its handshake is given up', async () => {
  const origin = await startOrigin(() => undefined);
  expect(
    await dial({ addresses: ['127.0.0.1'], port: origin.port, tlsFor: 'api.example.com', timeoutMs: 100 }),
  ).toBeUndefined();
});
