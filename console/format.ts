/** Numbers, times and names as people read them. */

export function clock(at: number): string {
  return new Date(at).toLocaleTimeString([], { hour12: false });
}
export function moment(at: number): string {
  return at === 0 ? 'never' : new Date(at).toLocaleString([], { hour12: false });
}
export function ago(at: number): string {
  const seconds = Math.max(0, Math.round((Date.now() - at) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
export function milliseconds(ms: number): string {
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  return count < 1024 * 1024 ? `${(count / 1024).toFixed(0)} KB` : `${(count / 1024 / 1024).toFixed(0)} MB`;
}
export function count(value: number): string {
  return value.toLocaleString('en-US');
}
export function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((part / whole) * 100).toFixed(part === 0 || part === whole ? 0 : 1)} %`;
}
export function money(value: number, currency: string): string {
  return `${value < 0.01 && value > 0 ? value.toPrecision(2) : value.toFixed(2)} ${currency}`;
}

export const ROUTES = ['local', 'cloud', 'cloud-masked', 'refuse', 'none'] as const;
const ROUTE_NAMES: Readonly<Record<string, string>> = {
  local: 'local',
  cloud: 'cloud',
  'cloud-masked': 'masked',
  refuse: 'refused',
  none: 'no decision',
};
export function routeName(route: string): string {
  return ROUTE_NAMES[route] ?? route;
}
