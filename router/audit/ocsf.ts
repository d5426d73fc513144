/** Audit records as events of the Open Cybersecurity Schema Framework 1.3, for a SIEM. Everything Sluice knows beyond the schema stands under `unmapped`. */
import type { AuditRecord } from './event.ts';

const API_ACTIVITY = {
  category_uid: 6,
  category_name: 'Application Activity',
  class_uid: 6003,
  class_name: 'API Activity',
};
const AUTHENTICATION = {
  category_uid: 3,
  category_name: 'Identity & Access Management',
  class_uid: 3002,
  class_name: 'Authentication',
};
const DETECTION = { category_uid: 2, category_name: 'Findings', class_uid: 2006, class_name: 'Data Security Finding' };
const SEVERITY = { informational: 1, low: 2, medium: 3, high: 4 } as const;
const STATUS = { success: 1, failure: 2, other: 99 } as const;
const VERSION = '1.3.0';

/** toOcsf gives the events of one record: the activity, and for a request with findings a finding too. */
export function toOcsf(
  record: AuditRecord,
  place: { readonly n: number; readonly instance: string },
): readonly object[] {
  const base = {
    time: record.at,
    metadata: {
      version: VERSION,
      product: { name: 'Sluice', vendor_name: 'Sluice' },
      uid: `${place.instance}:${record.i}`,
      sequence: record.i,
      log_name: 'sluice-audit',
    },
    unmapped: { segment: place.n, ...record },
  };
  const actor = {
    user: { name: 'principal' in record ? record.principal : 'by' in record ? record.by : 'sluice', type_id: 0 },
  };
  switch (record.kind) {
    case 'refused-callers':
      return [
        {
          ...AUTHENTICATION,
          ...base,
          activity_id: 1,
          activity_name: 'Logon',
          type_uid: 300201,
          severity_id: SEVERITY.low,
          status_id: STATUS.failure,
          status_detail: record.code,
          count: record.count,
          user: { name: 'unknown', type_id: 0 },
        },
      ];
    case 'request': {
      const failed = record.outcome !== 'answered';
      const activity = {
        ...activityOf(base, actor, `request:${record.protocol}`, record.id),
        severity_id: SEVERITY.informational,
        status_id: failed ? STATUS.failure : STATUS.success,
        status_detail: record.outcome,
        duration: record.ms,
        resources: record.model === '' ? [] : [{ name: record.model, type: 'model', owner: { name: record.upstream } }],
      };
      if (record.findingCount === 0) return [activity];
      const entities = [...new Set(record.findings.map((each) => each.entity))];
      return [
        activity,
        {
          ...DETECTION,
          ...base,
          activity_id: 1,
          activity_name: 'Create',
          type_uid: 200601,
          severity_id: record.route.startsWith('cloud') ? SEVERITY.medium : SEVERITY.low,
          status_id: 1,
          confidentiality: record.label,
          finding_info: {
            uid: record.id,
            title: `${record.findingCount} sensitive values: ${entities.join(', ')}`,
            types: entities,
          },
          actor,
        },
      ];
    }
    case 'send':
      return [
        {
          ...activityOf(base, actor, `send:${record.path}`, record.id),
          severity_id: SEVERITY.informational,
          status_id: STATUS.success,
          dst_endpoint: { name: record.upstream, svc_name: record.upstream },
        },
      ];
    case 'tool':
      return [
        {
          ...activityOf(base, actor, `tool:${record.tool}`, record.id),
          severity_id: record.outcome === 'exited' ? SEVERITY.informational : SEVERITY.low,
          status_id:
            record.phase === 'intent' ? STATUS.other : record.outcome === 'exited' ? STATUS.success : STATUS.failure,
          status_detail: record.outcome,
          duration: record.durationMs,
        },
      ];
    default:
      return [
        {
          ...activityOf(base, actor, record.kind, ''),
          severity_id: record.kind === 'key' || record.kind === 'reload' ? SEVERITY.low : SEVERITY.informational,
          status_id: STATUS.success,
        },
      ];
  }
}

function activityOf(base: object, actor: object, operation: string, id: string): object {
  return {
    ...API_ACTIVITY,
    ...base,
    activity_id: 99,
    activity_name: 'Other',
    type_uid: 600399,
    actor,
    api: { operation, service: { name: 'sluice' }, ...(id === '' ? {} : { request: { uid: id } }) },
    src_endpoint: { name: 'sluice' },
  };
}
