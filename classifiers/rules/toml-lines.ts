/** Where things stand in a TOML file: the parser gives values without lines, and a problem has to name one. */
export interface TomlLines {
  /** Line of the n-th `[[name]]` or of `[name]`, from 1; 1 when there is none. */
  table(name: string, index: number): number;
  /** Line of a key inside the table that begins at `from`. */
  key(from: number, key: string): number;
}

export function tomlLines(text: string): TomlLines {
  const lines = text.split('\n');
  const headers: { readonly name: string; readonly line: number }[] = [];
  lines.forEach((line, index) => {
    const header = /^\[{1,2} {0,8}([\w.-]{1,100}) {0,8}\]/.exec(line.trimStart());
    if (header?.[1] !== undefined) headers.push({ name: header[1], line: index + 1 });
  });
  return {
    table: (name, index) => headers.filter((header) => header.name === name)[index]?.line ?? 1,
    key(from, key) {
      const isKey = new RegExp(`^\\s{0,40}"?${key.replace(/[^\w]/g, '\\$&')}"?\\s{0,20}[=.]`);
      for (let index = from; index < lines.length; index++) {
        const line = lines[index] ?? '';
        if (isKey.test(line)) return index + 1;
        if (/^\[{1,2}[\w.-]/.test(line.trimStart())) break;
      }
      return from;
    },
  };
}
