/** A certificate authority of the tests' own, by openssl. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Authority {
  /** Why there is none; empty when there is one. */
  readonly missing: string;
  /** File references, as an endpoint takes them. */
  readonly ca: string;
  /** Makes a pair for a host or a client. `days` below 0 is one that has expired. */
  issue(name: string, kind: 'server' | 'client', days?: number): { readonly cert: string; readonly key: string };
}

function openssl(...words: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${words[0] ?? ''}: ${stderr}`);
}

export function createAuthority(directory: string): Authority {
  mkdirSync(directory, { recursive: true });
  const at = (name: string): string => join(directory, name);
  const missing = existsSync('/usr/bin/openssl') ? '' : 'openssl is not installed: apt-get install openssl';
  const subject = ['-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  if (missing === '')
    openssl(
      'req',
      '-x509',
      ...subject,
      '-days',
      '2',
      '-subj',
      '/CN=test authority',
      '-keyout',
      at('ca.key'),
      '-out',
      at('ca.pem'),
    );
  return {
    missing,
    ca: `file:${at('ca.pem')}`,
    issue(name, kind, days = 2) {
      const [key, request, cert, extensions] = ['key', 'csr', 'pem', 'ext'].map((end) => at(`${name}.${end}`)) as [
        string,
        string,
        string,
        string,
      ];
      writeFileSync(
        extensions,
        `extendedKeyUsage=${kind}Auth\n${kind === 'server' ? 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' : ''}`,
      );
      openssl('req', ...subject, '-subj', `/CN=${name}`, '-keyout', key, '-out', request);
      const signed = [
        '-req',
        '-in',
        request,
        '-CA',
        at('ca.pem'),
        '-CAkey',
        at('ca.key'),
        '-CAcreateserial',
        '-extfile',
        extensions,
      ];
      if (days > 0) openssl('x509', ...signed, '-out', cert, '-days', String(days));
      else {
        // x509 of openssl before 3.4 sets no dates in the past; ca does.
        writeFileSync(at('index.txt'), '');
        writeFileSync(
          at('ca.conf'),
          `[ca]\ndefault_ca=d\n[d]\ndatabase=${at('index.txt')}\nnew_certs_dir=${directory}\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n`,
        );
        openssl(
          'ca',
          '-batch',
          '-config',
          at('ca.conf'),
          '-cert',
          at('ca.pem'),
          '-keyfile',
          at('ca.key'),
          '-in',
          request,
          '-out',
          cert,
          '-startdate',
          '20200101000000Z',
          '-enddate',
          '20200102000000Z',
          '-notext',
          '-extfile',
          extensions,
        );
      }
      return { cert: `file:${cert}`, key: `file:${key}` };
    },
  };
}
