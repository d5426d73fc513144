/** Whether a list of configured model names has one: by the very name, or by a pattern. Fails closed: a pattern takes only what looks like a model's name, because the client's own text goes out with it. */
import { matchesName } from '../pipeline/tool-actions.ts';

const MODEL_NAME = /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$/;

export function offers(models: readonly string[], name: string): boolean {
  if (models.includes(name)) return !isPattern(name);
  return MODEL_NAME.test(name) && models.some((model) => isPattern(model) && matchesName(model, name));
}

/** isPattern: a name that stands for many, and is listed and asked for by nobody. */
export function isPattern(model: string): boolean {
  return model.includes('*');
}
