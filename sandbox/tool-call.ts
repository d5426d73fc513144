/** A model's tool call is untrusted input: it is parsed into one of three shapes before anything looks at it. */

export type ToolCall =
  | {
      readonly kind: 'call';
      readonly id: string;
      readonly tool: string;
      readonly input: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'unknown-tool'; readonly id: string; readonly tool: string }
  | {
      readonly kind: 'malformed';
      readonly id: string;
      readonly tool: string;
      readonly problem: 'not-json' | 'schema-mismatch' | 'too-large';
    };
