import { describe, expect, it } from 'vitest';
import { emailAddress } from '../../../classifiers/recognizers/pii/email.ts';
import { foundIn } from './found-in.ts';

describe('emailAddress', () => {
  it.each([
    ['plain', 'Write to ann.lee@acme.io today', 'ann.lee@acme.io'],
    ['plus tag', 'ann+news@acme.io', 'ann+news@acme.io'],
    ['end of a sentence', 'Ask bob@corp.co.uk.', 'bob@corp.co.uk'],
    ['glued to the next sentence', 'Ask bob@corp.com.Then wait', 'bob@corp.com'],
    ['angle brackets', 'Ann Lee <ann@mail.acme.io>', 'ann@mail.acme.io'],
    ['mailto', '[mail](mailto:ann@acme.io?subject=x)', 'ann@acme.io'],
    ['query string', 'https://a.io/?email=ann@acme.io&x=1', 'ann@acme.io'],
    ['internationalised domain', 'Schreib an jörg@müller.de bitte', 'jörg@müller.de'],
    ['punycode top-level domain', 'ann@xn--bcher-kva.xn--p1ai', 'ann@xn--bcher-kva.xn--p1ai'],
    ['quoted local part', 'to "ann lee"@acme.io now', '"ann lee"@acme.io'],
    ['apostrophe', "o'brien@acme.io", "o'brien@acme.io"],
    ['person at a reserved domain', 'ann.lee@example.com', 'ann.lee@example.com'],
    [
      'address of a person at a host that takes no mail',
      'ask Ann <12345+ann@users.noreply.github.com>',
      '12345+ann@users.noreply.github.com',
    ],
    ['Cyrillic mailbox', 'почта@домен.рф', 'почта@домен.рф'],
    ['padded local part', `${'a'.repeat(100)}@acme.io`, `${'a'.repeat(100)}@acme.io`],
  ])('finds %s', (_name, text, address) => {
    expect(foundIn([emailAddress], text)).toEqual([`EMAIL_ADDRESS:${address}`]);
  });

  it.each([
    ['repository login', 'git clone git@github.com:acme/tool.git'],
    ['package version', 'npm i left-pad@1.3.0-beta.rc'],
    ['action version', 'uses: actions/checkout@v4.1.beta'],
    ['image density', '<img src="icon@2x.png">'],
    ['matrix product', 'y = x@w.T + a@b.shape'],
    ['address that reaches nobody', 'Co-Authored-By: Bot <noreply@acme.io>'],
    ['stand-in', 'git config user.email you@example.com'],
    ['a host that takes no mail', 'git config user.email "${ACTOR}@users.noreply.github.com"'],
    ['stand-in mailbox', 'sendmail("src@gmail.com", "dst@gmail.com")'],
    ['one that says it is fake', 'author = "james.fake@ymail.com"'],
    ['decorator after a word', 'from lib import function\n@sock.route("/ws")'],
    ['decorator', '@app.route("/") def f(): pass'],
    ['handle', 'ask @ann_lee on the forum'],
    ['user info of a URL', 'postgres://app:hunter2@db.acme.io:5432/x'],
    ['no top-level domain', 'root@localhost'],
  ])('leaves %s', (_name, text) => {
    expect(foundIn([emailAddress], text)).toEqual([]);
  });

  it('ends on rows of local-part characters', () => {
    // A pattern that is not runs into the time limit of the test; the sizes are chosen for a slow machine.
    const text = `${'a.'.repeat(60_000)}@`.concat('a@'.repeat(20_000));
    for (const recognizer of [emailAddress])
      recognizer.find({ text, hint: '' }, { start: 0, end: text.length }, ({ start, end }) =>
        expect(end).toBeGreaterThan(start),
      );
  });
});
