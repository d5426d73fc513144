/** Base64 of either alphabet to bytes as Latin-1 text; empty when it is none. Never throws. */
export function decodeBase64Url(text: string): string {
  const plain = text
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/={1,3}$/, '');
  try {
    return atob(plain.slice(0, plain.length - (plain.length % 4 === 1 ? 1 : 0)));
  } catch {
    return '';
  }
}
