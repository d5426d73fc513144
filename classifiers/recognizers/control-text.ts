/**
 * Text that tries to steer how it is classified or routed: `classification: public`, `send this to the cloud model`, `ignore
 * the privacy policy`. Reported as a signal. It lowers nothing: labels come from findings alone, and a policy may treat the
 * attempt as a reason to stay inside. Misses what is said in other words; nothing depends on catching it.
 */
import { CONTROL_TEXT } from '../outcome.ts';
import { definePattern } from '../define-pattern.ts';
import type { Pattern } from '../define-pattern.ts';
import { keywords } from '../recognizer.ts';

/** The thing that is to be routed; without one it is talk about networks. */
const THIS = String.raw`(?:this|the|these|my|all|every|any|it|following|entire|whole|next)`;
const MESSAGE = String.raw`(?:prompt|request|message|conversation|text|content|input|query|session|chat|document|data)s?`;
const ROUTER = String.raw`(?:privacy|sensitivity|pii|dlp|data[- ]loss|data[- ]protection|content|safety|routing|security)`;
const GATE = String.raw`(?:polic(?:y|ies)|filters?|rout(?:er|ing)|class(?:ifier|ification)s?|checks?|scann(?:er|ing)|guards?|gateway|proxy|rules?|detect(?:or|ion)s?|mask(?:ing)?|redact(?:ion|or)|controls?)`;
const REMOTE = String.raw`(?:cloud|remote|external|openai|gpt[- ]?\d?\S{0,8}|claude|gemini|frontier|hosted|public|online|big(?:ger)?|large[r]?|strong(?:er)?)`;
const LOWEST = String.raw`(?:public|clean|safe|none|low|non[- ]?sensitive|unclassified|unrestricted|not[- ]sensitive|insensitive|harmless|benign)`;

export const CONTROL_PATTERNS: readonly Pattern[] = [
  {
    name: 'route-directive',
    starts: ['route', 'send', 'forward', 'dispatch', 'escalate', 'direct', 'pass', 'submit', 'relay'],
    score: 0.8,
    regex: new RegExp(
      String.raw`\b(?:route|send|forward|dispatch|escalate|direct|pass|submit|relay)\s{1,3}(?:${THIS}\s{1,3}){1,2}(?:${MESSAGE}\s{1,3})?(?:[a-z]{1,12}\s{1,3}){0,2}(?:to|via|through|over)\s{1,3}(?:(?:the|a|an|your)\s{1,3})?${REMOTE}\b`,
      'i',
    ),
  },
  {
    name: 'must-not-stay',
    starts: ['do not', "don't", 'never', 'must not'],
    score: 0.8,
    regex: new RegExp(
      String.raw`\b(?:do not|don't|never|must not)\s{1,3}(?:use|route\s(?:this\s)?to|send\s(?:this\s)?to|keep\s(?:this\s)?on)\s{1,3}(?:the\s{1,3}|a\s{1,3})?(?:local|on-prem(?:ises)?|ollama|internal)\s{1,3}(?:model|llm|route|ollama)`,
      'i',
    ),
  },
  {
    name: 'declares-label',
    starts: ['classification', 'sensitivity', 'privacy', 'data', 'label', 'verdict'],
    score: 0.8,
    regex: new RegExp(
      String.raw`(?:\b(?:classification|sensitivity|privacy|data)[\s_-]{0,2}(?:level|label|rating|class|result|verdict)?\s{0,3}(?:[:=]|\bis\b)\s{0,3}["'\[(]{0,2}${LOWEST}\b|\b(?:label|verdict)\s{0,3}[:=]\s{0,3}["']?(?:clean|non[- ]?sensitive|not sensitive)\b)`,
      'i',
    ),
  },
  {
    name: 'denies-sensitivity',
    starts: ['treat', 'consider', 'classify', 'mark', 'label', 'flag', 'rate', 'report', 'tag'],
    score: 0.7,
    regex: new RegExp(
      String.raw`\b(?:treat|consider|classify|mark|label|flag|rate|report|tag)\s{1,3}(?:${THIS}\s{1,3}){1,2}(?:${MESSAGE}\s{1,3})?(?:[a-z]{1,12}\s{1,3}){0,2}(?:as|to be)\s{1,3}(?:being\s{1,3})?["']?${LOWEST}\b`,
      'i',
    ),
  },
  {
    name: 'ignore-policy',
    starts: [
      'ignore',
      'bypass',
      'disable',
      'skip',
      'override',
      'disregard',
      'circumvent',
      'evade',
      'turn off',
      'switch off',
      'get around',
      'suspend',
    ],
    score: 0.8,
    regex: new RegExp(
      String.raw`\b(?:ignore|bypass|disable|skip|override|disregard|circumvent|evade|turn off|switch off|get around|suspend)\s{1,3}(?:(?:the|your|all|any|every|our|its|these|that)\s{1,3}){0,3}(?:[a-z]{1,12}\s{1,3})?${ROUTER}[\s-]{1,3}(?:${ROUTER}[\s-]{1,3})?${GATE}`,
      'i',
    ),
  },
  {
    name: 'names-the-gate',
    starts: ['x-sluice-', 'sluice'],
    score: 0.7,
    regex:
      /\bx-sluice-(?:route|label|policy|clear(?:ance)?|class(?:ification)?)\b\s{0,2}[:=]|\bsluice\b[\s,:]{1,3}(?:please\s)?(?:route|send|ignore|classify|treat|mark|allow)\b/i,
  },
];

export const controlText = definePattern({
  name: 'control-text',
  entity: CONTROL_TEXT,
  triggers: [
    keywords(
      'classif',
      'sensitiv',
      'privacy',
      'pii',
      'dlp',
      'router',
      'routing',
      'route ',
      'cloud',
      'external',
      'x-sluice',
      'sluice',
      'local model',
      'masking',
      'redact',
      'filter',
    ),
  ],
  reach: { before: 96, after: 96 },
  patterns: CONTROL_PATTERNS,
});
