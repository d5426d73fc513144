/**
 * How surprising one letter is after another in words and identifiers, measured over English technical text and
 * library declarations. Tells `hunterMetrics` from `xqzvbkwj`: words average 3.5 bits a pair and 99 % stay under 5.1,
 * sixteen random letters average 6.3 and 99 % stay above 4.8.
 */

/** One row per first letter, one hexadecimal digit per second letter, in two thirds of a bit. */
const SURPRISE_ROWS = [
  '9666998d7ea575e7e56499bc9c',
  '477747eb6ac4bc6bf77a5dff9e',
  '597949f57e67ce3bf7a57dffae',
  '588738ab4cd8ba6be86c7bceae',
  '7964889cbde775b8a447c9b7bf',
  '577745df4fe6cc5df7996ffd8e',
  '6bab3b765dd7966bd57a6bceab',
  '3dec3ede4dca9a4cd6a67edf9f',
  '7967787fffb77358f865e8fbf8',
  '4aaa4bb97aaaaa49a83a5a9abb',
  '69a929aa4cb8b879d95a8dad8d',
  '5bb83acd4fc5cc5afd787aef5f',
  '38cb3dde4cca7c54fd8c7dedbe',
  '6d65594c6daac87beb5499efad',
  '9877ba9d9d966387f477687bbd',
  '4dcb4db86fc5bc56f4767eeebf',
  '89aaaaab8ab6bba9b98a1b9ba9',
  '5b883a9e5f9a895bf8678abf8f',
  '7d7c4bd65fa9ab66db536dbe9e',
  '5f8b3cd63fe9cc6bf5678fbf8f',
  '7779698d7eb664b6f555dcfcdc',
  '4ccd1bbe4ddbbc7dfcaaaecdce',
  '4cca4da65cb8d55bc56bbdabee',
  '7c5a49b94ccaaba3cca4abd88a',
  '6879599b5cb76564d9578b9ca9',
  '49bb2cb84ab8ac7bcc9c8bab87',
];

const BITS: Float64Array = Float64Array.from(SURPRISE_ROWS.join(''), (digit) => Number.parseInt(digit, 16) / 1.5);

/** pairSurprise gives -log2 p(second | first) for two letters counted from 0 (`a`) to 25. */
export function pairSurprise(first: number, second: number): number {
  return BITS[first * 26 + second] ?? 0;
}
