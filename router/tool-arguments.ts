/** A call's arguments as the object that Ollama's wire wants, both ways; its server answers 400 to anything else, `""` included. */

/** argumentsObject reads what a model wrote. What is no object keeps its text under one name: the turn that follows is about exactly that, and a tool refuses it instead of running on nothing. */
export function argumentsObject(text: string): object {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Models write broken JSON, and a cut answer ends inside it.
  }
  return { arguments: text };
}
