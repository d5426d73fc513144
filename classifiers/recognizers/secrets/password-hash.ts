/** Password hashes as files and databases keep them: whoever has one can guess the password at leisure. */
import { definePattern } from '../../define-pattern.ts';
import { keywords } from '../../recognizer.ts';
import type { Recognizer } from '../../recognizer.ts';
import { isRepetitive } from './randomness.ts';

export const passwordHash: Recognizer = definePattern({
  name: 'password-hash',
  entity: 'PASSWORD',
  triggers: [
    keywords(
      '$krb5',
      '$md5,',
      '$1$',
      '$2a$',
      '$2b$',
      '$2y$',
      '$2x$',
      '$5$',
      '$6$',
      '$7$',
      '$y$',
      '$apr1$',
      '$argon2',
      '$P$',
      '$H$',
      '$S$',
      '$scrypt$',
      '$pbkdf2',
      '$bcrypt',
      'pbkdf2_sha',
      'bcrypt_sha',
      'argon2$',
      '{SSHA',
      '{SHA',
      '{SMD5',
      '{MD5',
      '{CRYPT',
      ':::',
      'scram-sha',
      '$shiro',
      '$9$',
      '$8$',
      '$ml$',
      '$sha1$',
      '$md5',
    ),
  ],
  reach: { before: 66, after: 2 },
  patterns: [
    {
      name: 'crypt',
      regex:
        /\$(?:1|5|6|7|y|gy|apr1|md5|sha1)\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,32}\$(?:[./A-Za-z0-9]{1,43}\$)?[./A-Za-z0-9]{20,128}/,
      score: 0.85,
    },
    { name: 'bcrypt', regex: /\$2[abxy]?\$\d{2}\$[./A-Za-z0-9]{53}/, score: 0.85 },
    {
      name: 'phc',
      regex: /\$?(?:argon2(?:id|i|d)|scrypt|pbkdf2(?:-sha\d{1,3})?)\$[A-Za-z0-9=,.$+/-]{20,300}/,
      score: 0.85,
    },
    {
      name: 'sun-md5',
      regex: /\$md5(?:,rounds=\d{1,9})?\$[./A-Za-z0-9]{1,32}\${1,2}[./A-Za-z0-9]{20,40}/,
      score: 0.85,
    },
    { name: 'kerberos', regex: /\$krb5(?:asrep|tgs|pa|db)\$\d{1,2}\$[^\s"']{40,600}/, score: 0.85 },
    { name: 'phpass-drupal', regex: /\$[PHS]\$[./A-Za-z0-9]{31,52}/, score: 0.85 },
    {
      name: 'django',
      regex: /(?:pbkdf2_sha(?:1|256|512)|bcrypt_sha256|scrypt)\$\d{1,8}\$[^\s"'$]{4,64}\$[A-Za-z0-9+/=]{24,100}/,
      score: 0.85,
    },
    { name: 'ldap', regex: /\{(?:S?SHA(?:256|384|512)?|S?MD5|CRYPT)\}[A-Za-z0-9+/$.]{20,160}={0,2}/i, score: 0.85 },
    { name: 'cisco', regex: /\$[89]\$[./A-Za-z0-9]{14}\$[./A-Za-z0-9]{40,45}/, score: 0.8 },
    {
      name: 'windows-dump',
      regex: /(?<![A-Za-z0-9])[\w.$-]{1,40}:\d{1,6}:(?<value>[0-9a-f]{32}:[0-9a-f]{32}):::/i,
      score: 0.9,
    },
  ],
  invalidate: (value) => isRepetitive(value.slice(value.lastIndexOf('$') + 1)),
});
