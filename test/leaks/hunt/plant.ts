/** Puts a text somewhere into a JSON body: into, before or in place of any string, as a key, as a number, as a member nobody knows, as a turn of the conversation. */
import type { Random } from '../../helpers/random.ts';
import type { Json } from './surfaces.ts';

export interface Plant {
  readonly body: Json;
  /** Where and how, for the report: a JSON Pointer and a word. */
  readonly where: string;
}

interface Place {
  readonly pointer: string;
  readonly value: Json;
  readonly put: (value: Json) => Json;
}

/** Every value of the body with a function that makes the body anew with another in its place. */
function places(value: Json, pointer = '', put: (value: Json) => Json = (each) => each): readonly Place[] {
  const self: Place = { pointer, value, put };
  if (Array.isArray(value)) {
    const items: readonly Json[] = value;
    return [
      self,
      ...items.flatMap((item, index) => places(item, `${pointer}/${index}`, (each) => put(items.with(index, each)))),
    ];
  }
  if (typeof value !== 'object' || value === null) return [self];
  return [
    self,
    ...Object.entries(value).flatMap(([key, member]) =>
      places(member as Json, `${pointer}/${key}`, (each) => put({ ...(value as Record<string, Json>), [key]: each })),
    ),
  ];
}

export function plant(body: Json, text: string, digits: string, random: Random): Plant {
  const all = places(body);
  const strings = all.filter((place) => typeof place.value === 'string');
  const objects = all.filter((place) => isObject(place.value));
  const arrays = all.filter(
    (place) => Array.isArray(place.value) && place.value.every(isObject) && place.value.length > 0,
  );
  switch (random.below(8)) {
    case 0: {
      const place = random.pick(strings);
      return { body: place.put(text), where: `${place.pointer} replaced` };
    }
    case 1:
    case 2: {
      const place = random.pick(strings);
      return { body: place.put(`${String(place.value)} ${text}`), where: `${place.pointer} appended` };
    }
    case 3: {
      const place = random.pick(objects);
      return {
        body: place.put({ ...(place.value as Record<string, Json>), note_: text }),
        where: `${place.pointer} unknown member`,
      };
    }
    case 4: {
      const place = random.pick(objects);
      return {
        body: place.put({ ...(place.value as Record<string, Json>), [text]: 1 }),
        where: `${place.pointer} key`,
      };
    }
    case 5: {
      const place = random.pick(objects);
      const inner = { deep: [{ er: [text, null] }] };
      return {
        body: place.put({ ...(place.value as Record<string, Json>), extra_: inner }),
        where: `${place.pointer} deep`,
      };
    }
    case 6: {
      if (!/^\d{10,16}$/.test(digits)) {
        const place = random.pick(strings);
        return { body: place.put(`${text} ${String(place.value)}`), where: `${place.pointer} prepended` };
      }
      const place = random.pick(objects);
      return {
        body: place.put({ ...(place.value as Record<string, Json>), card_number: Number(digits) }),
        where: `${place.pointer} number`,
      };
    }
    default: {
      const place = arrays.length === 0 ? undefined : random.pick(arrays);
      if (place === undefined)
        return { body: { ...(body as Record<string, Json>), extra_: text }, where: 'unknown member' };
      const items = place.value as readonly Record<string, Json>[];
      const at = random.below(items.length + 1);
      const copy = places(random.pick(items)).filter((each) => typeof each.value === 'string');
      const item = copy.length === 0 ? { role: 'user', content: text } : random.pick(copy).put(text);
      return {
        body: place.put(items.toSpliced(at, 0, item as Record<string, Json>)),
        where: `${place.pointer}/${at} inserted`,
      };
    }
  }
}

function isObject(value: Json): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The body without one of its parts, for every part: what shrinking tries. */
export function smaller(body: Json): readonly Json[] {
  return places(body).flatMap((place): readonly Json[] => {
    const { value } = place;
    if (Array.isArray(value)) return value.map((_, index) => place.put(value.toSpliced(index, 1) as readonly Json[]));
    if (typeof value !== 'object' || value === null) return [];
    return Object.keys(value).map((key) =>
      place.put(Object.fromEntries(Object.entries(value).filter(([name]) => name !== key)) as Json),
    );
  });
}
