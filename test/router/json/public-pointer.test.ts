import { expect, it } from 'vitest';
import { publicPointer } from '../../../router/json/public-pointer.ts';

it.each([
  ['', ''],
  ['/messages/2/content/0/text', '/messages/2/content/0/text'],
  ['/metadata/Ann Lee', '/metadata/*'],
  ['/123456789/x~1y', '/*/*'],
  ['/messages/0/tool_calls/0/function/arguments#/to/0', '/messages/0/tool_calls/0/function/arguments#/*/0'],
  ['/messages/0/content#/q#/Ann', '/messages/0/content#/*#/*'],
  ['/a#b/', '/*/'],
])('publicPointer(%j) shows %j', (pointer, shown) => {
  expect(publicPointer(pointer)).toBe(shown);
});
