/** The views in the order in which they are tried. */
import { base64View, hexView } from './blobs.ts';
import { reversedView, rot13View } from './ciphers.ts';
import type { DecodingView } from './decoding.ts';
import { entityView, percentView, unicodeEscapeView } from './escapes.ts';
import {
  atDotView,
  lineBreakView,
  lookAlikeDigitsView,
  numberWordsView,
  spacedView,
  underscoreView,
} from './obfuscations.ts';

export const DECODING_VIEWS: readonly DecodingView[] = [
  base64View,
  hexView,
  percentView,
  entityView,
  unicodeEscapeView,
  atDotView,
  lineBreakView,
  spacedView,
  lookAlikeDigitsView,
  numberWordsView,
  underscoreView,
  rot13View,
  reversedView,
];
