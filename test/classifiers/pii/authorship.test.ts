import { describe, expect, test } from 'vitest';
import type { Candidate } from '../../../classifiers/recognizer.ts';
import { isAuthorship } from '../../../classifiers/recognizers/pii/authorship.ts';
import { emailAddress } from '../../../classifiers/recognizers/pii/email.ts';
import { NAME_TAGGER } from '../../../classifiers/tagger/tagger.ts';
import { foundIn } from './found-in.ts';

const MAIL = 'ann.lee@acme.io';

describe('a value in its author’s own line', () => {
  test.each([
    ['copyright', `Copyright (c) 2014-2019 Ann Lee <${MAIL}>`],
    ['copyright in a comment', ` * © 2021 Acme Inc. and Ann Lee, ${MAIL}`],
    ['head of a file', `# Written by Ann Lee (${MAIL}).`],
    ['doc comment', `/** @author Ann Lee ${MAIL} */`],
    ['package', `{"name": "x", "author": "Ann Lee <${MAIL}>"}`],
    ['package with an object', `"author": {\n  "name": "Ann Lee",\n  "email": "${MAIL}"`],
    ['pyproject', `authors = [{name = "Ann Lee", email = "${MAIL}"}]`],
    ['setup.py', `__author__ = ("Bob Ray <bob@acme.io>, "\n    "Ann Lee <${MAIL}>"`],
    ['commit', `commit 9f2c1e7\nAuthor: Ann Lee <${MAIL}>`],
    ['trailer', `Fix the race\n\nSigned-off-by: Ann Lee <${MAIL}>`],
    ['list in a README', `## Maintainers\n\n- Bob Ray <bob@acme.io>\n- Ann Lee <${MAIL}>`],
    ['several', `Authors: Bob Ray, Carla van den Berg and Ann Lee <${MAIL}>`],
  ])('%s', (_name, text) => {
    expect(foundIn([emailAddress], text).at(-1)).toBe(`AUTHORSHIP:${MAIL}`);
  });

  test.each([
    ['prose before the address', `Author: call my client Ann Lee at ${MAIL}`],
    ['the next line', `Author: Bob Ray\nPatient: Ann Lee, ${MAIL}`],
    ['the next paragraph', `Copyright 2020 Bob Ray\n\nAnn Lee ${MAIL}`],
    ['a line that does not go on', `Author: Bob Ray\nAnn Lee ${MAIL}`],
    ['the word in a sentence', `I met the author Ann Lee, write to ${MAIL}`],
    ['written by in a sentence', `a letter written by Ann Lee, ${MAIL}`],
    ['a label of the page', `Authorisation: Ann Lee ${MAIL}`],
    ['too far behind', `Author: ${'Bob Ray, '.repeat(80)}${MAIL}`],
  ])('not with %s', (_name, text) => {
    expect(foundIn([emailAddress], text)).toContain(`EMAIL_ADDRESS:${MAIL}`);
  });

  test('a key says so of a short value', () => {
    expect(isAuthorship('Ann Lee', 0, 'author')).toBe(true);
    expect(isAuthorship('Ann Lee', 0, 'name')).toBe(false);
    expect(isAuthorship(`${'word '.repeat(60)}Ann Lee`, 300, 'author')).toBe(false);
  });

  test('of a name too: no private person, and no evidence for combinations', () => {
    const tagged = (text: string): readonly string[] => {
      const found: Candidate[] = [];
      NAME_TAGGER.tag(
        { text, hint: '', role: 'user', form: 'text' },
        { start: 0, end: text.length },
        { candidate: (candidate) => found.push(candidate), signal: () => undefined },
      );
      return found.map(({ entity, start, end }) => `${entity}:${text.slice(start, end)}`);
    };
    expect(tagged('Copyright (c) 2019 Karin Holmberg')).toEqual(['AUTHORSHIP:Karin Holmberg']);
    expect(tagged('Patient: Karin Holmberg')).toContain('PRIVATE_PERSON:Karin Holmberg');
  });

  test('costs a constant, whatever stands in front', () => {
    const text = `${'copyright (c) 2020 '.repeat(20_000)}${MAIL}`;
    expect(isAuthorship(text, text.length - MAIL.length, '')).toBe(true);
  });
});
