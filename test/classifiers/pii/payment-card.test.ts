import { faker } from '@faker-js/faker';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { luhn } from '../../../classifiers/recognizers/pii/check-digits.ts';
import { paymentCard } from '../../../classifiers/recognizers/pii/payment-card.ts';
import { foundIn } from './found-in.ts';

const withCheckDigit = (body: string): string => {
  for (let digit = 0; digit < 10; digit += 1) if (luhn(`${body}${digit}`)) return `${body}${digit}`;
  throw new Error('Luhn always has a check digit');
};
const digitString = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: length, maxLength: length });
const visa = digitString(14).map((rest) => withCheckDigit(`4${rest}`));

describe('paymentCard', () => {
  it.each([
    ['sixteen digits', 'pay with 4787789328792170 now', '4787789328792170'],
    ['spaces', 'card 4787 7893 2879 2170', '4787 7893 2879 2170'],
    ['dashes', '4787-7893-2879-2170', '4787-7893-2879-2170'],
    ['dots', '4787.7893.2879.2170', '4787.7893.2879.2170'],
    ['slashes', '4787/7893/2879/2170', '4787/7893/2879/2170'],
    ['underscores', '4787_7893_2879_2170', '4787_7893_2879_2170'],
    ['line breaks', 'card\n4787\n7893\n2879\n2170', '4787\n7893\n2879\n2170'],
    ['double dashes', 'no. 4787--7893--2879--2170', '4787--7893--2879--2170'],
    ['each digit apart', '4 7 8 7 7 8 9 3 2 8 7 9 2 1 7 0', '4 7 8 7 7 8 9 3 2 8 7 9 2 1 7 0'],
    ['mixed separators', '4787-7893 2879.2170', '4787-7893 2879.2170'],
    ['security code behind', '4787 7893 2879 2170 123 12/27', '4787 7893 2879 2170'],
    ['a number before', 'order 12 4787 7893 2879 2170', '4787 7893 2879 2170'],
    ['published test number pasted as one’s own', 'my card is 4111 1111 1111 1111', '4111 1111 1111 1111'],
    ['part of an identifier', 'x_4787_7893_2879_2170', '4787_7893_2879_2170'],
    ['American Express', '378282246310005', '378282246310005'],
    ['American Express as printed', '3782 822463 10005', '3782 822463 10005'],
    ['Diners Club', '3056 930902 5904', '3056 930902 5904'],
    ['UnionPay, 16', '6200000000000005', '6200000000000005'],
    ['Mastercard 2-series', '2223003122003222', '2223003122003222'],
    ['Maestro of 12 with context', 'my card 676222165679', '676222165679'],
    ['Visa of 19 with context', 'card 4735615260219382870', '4735615260219382870'],
    ['glued to a word, with context', 'my card no4787789328792170ok', '4787789328792170'],
    ['Chinese context without spaces', '我的信用卡号4787789328792170', '4787789328792170'],
  ])('finds %s', (_name, text, number) => {
    expect(foundIn([paymentCard], text)).toEqual([`CREDIT_CARD:${number}`]);
  });

  it.each([
    ['bad check digit', '4787 7893 2879 2171'],
    ['no issuer', '9999 9999 9999 9995'],
    ['no issuer, Luhn holds', '0000 0000 0000 0000'],
    ['millisecond clock', 'at 1700000000000 ms'],
    ['nanosecond clock', 'at 1700000000000000000'],
    ['identifier of 18 digits', '175928847299117063'],
    ['fraction', '0.4787789328792170'],
    ['longer number', '47877893287921704787789328792170'],
    ['list of numbers', '[47, 87, 789, 328, 79, 21, 70, 4787, 789, 32, 879, 2170]'],
    ['columns of a table', 'id,cell,sum\n1,4787,7893,2879,2170,88\n2,4787,7893,2879,2170,91'],
    ['EAN without context', 'EAN 4006381333931'],
    ['published test number in talk of tests', 'Use test card 4242 4242 4242 4242 from the docs'],
  ])('leaves %s', (_name, text) => {
    expect(foundIn([paymentCard], text)).toEqual([]);
  });

  it('property: a card in prose is found whatever separates its fours, and not with one digit changed', () => {
    fc.assert(
      fc.property(
        visa,
        fc.constantFrom('', ' ', '-', '.', '/', '_', ' - ', '\n'),
        fc.nat(15),
        fc.integer({ min: 1, max: 9 }),
        (number, gap, at, by) => {
          const written = (digits: string) => digits.match(/.{4}/g)?.join(gap) ?? '';
          fc.pre(!/^(\d)\1+$/.test(number));
          expect(foundIn([paymentCard], `please charge ${written(number)} and confirm`)).toEqual([
            `CREDIT_CARD:${written(number)}`,
          ]);
          const changed = number.slice(0, at) + ((Number(number[at]) + by) % 10) + number.slice(at + 1);
          expect(foundIn([paymentCard], `please charge ${written(changed)} and confirm`)).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('finds the cards of a generator that is not ours', () => {
    faker.seed(7);
    const issuers = ['visa', 'mastercard', 'american_express', 'diners_club', 'discover', 'jcb'];
    for (let index = 0; index < 300; index += 1) {
      const number = faker.finance.creditCardNumber({ issuer: issuers[index % issuers.length] ?? 'visa' });
      expect(foundIn([paymentCard], `My card number is ${number}.`)).toEqual([`CREDIT_CARD:${number}`]);
    }
  });

  it('ends on digits and separators', () => {
    // A pattern that is not runs into the time limit of the test; the sizes are chosen for a slow machine.
    for (const text of ['4   '.repeat(50_000), '4787 7893 2879 '.repeat(10_000)])
      for (const recognizer of [paymentCard])
        recognizer.find({ text, hint: '' }, { start: 0, end: text.length }, ({ start, end }) =>
          expect(end).toBeGreaterThan(start),
        );
  });
});
