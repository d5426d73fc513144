/** What cloud upstreams speak, by name: how the neutral form is written for each, and how its replies are read. */
import type { ChatRequest, ReplyEvent } from '../chat.ts';
import type { OutgoingRequest } from '../clearance.ts';
import { toAnthropic } from './anthropic-body.ts';
import { readAnthropicBody, readAnthropicStream } from './anthropic-reader.ts';
import { toOpenAIChat } from './openai-chat-body.ts';
import { readOpenAIChatBody, readOpenAIChatStream } from './openai-chat-reader.ts';
import { toOpenAIResponses } from './openai-responses-body.ts';
import { readOpenAIResponsesBody, readOpenAIResponsesStream } from './openai-responses-reader.ts';
import type { UpstreamChange } from './protocol.ts';

export type WireName = 'openai-chat' | 'openai-responses' | 'anthropic-messages';

export interface CloudWire {
  readonly path: OutgoingRequest['path'];
  /** The body for clients that speak another wire. */
  fromNeutral(chat: ChatRequest, change: UpstreamChange): string;
  readStream(body: AsyncIterable<Uint8Array>, upstream: string): AsyncIterable<ReplyEvent>;
  readBody(body: AsyncIterable<Uint8Array>, upstream: string): AsyncIterable<ReplyEvent>;
  /** How many answers one request may ask for. */
  readonly choices: 'one' | 'several';
}

export const CLOUD_WIRES: Readonly<Record<WireName, CloudWire>> = {
  'openai-chat': {
    path: '/chat/completions',
    fromNeutral: toOpenAIChat,
    readStream: readOpenAIChatStream,
    readBody: readOpenAIChatBody,
    choices: 'several',
  },
  'openai-responses': {
    path: '/responses',
    fromNeutral: toOpenAIResponses,
    readStream: readOpenAIResponsesStream,
    readBody: readOpenAIResponsesBody,
    choices: 'one',
  },
  'anthropic-messages': {
    path: '/messages',
    fromNeutral: toAnthropic,
    readStream: readAnthropicStream,
    readBody: readAnthropicBody,
    choices: 'one',
  },
};
