/** Requests on a connection each: with several processes behind one port, each may reach another one. */
import { request } from 'node:http';

export interface FreshReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface FreshOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** fresh settles with the whole reply; rejects where the connection broke. */
export async function fresh(url: string, options: FreshOptions = {}): Promise<FreshReply> {
  const opened = await openFresh(url, options);
  return { ...opened, text: await opened.rest };
}

/** openFresh settles with the reply's head; `rest` is the body, rejected where it was cut. */
export function openFresh(
  url: string,
  { method, headers = {}, body }: FreshOptions = {},
): Promise<Omit<FreshReply, 'text'> & { readonly rest: Promise<string> }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      agent: false,
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    });
    asked.once('error', reject);
    asked.once('response', (response) => {
      const rest = new Promise<string>((done, cut) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.once('end', () => done(text));
        response.once('error', cut);
        response.once('aborted', () => cut(new Error('cut')));
      });
      rest.catch(() => undefined);
      resolve({ status: response.statusCode ?? 0, headers: response.headers, rest });
    });
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
