/**
 * Addresses that carry the password with them: `scheme://user:password@host`, JDBC and ADO strings, and the files that
 * list accounts line by line. The finding is the password, so that masking keeps the rest readable.
 */
import { definePattern } from '../../define-pattern.ts';
import type { Around } from '../../define-pattern.ts';
import { keywords } from '../../recognizer.ts';
import type { Recognizer } from '../../recognizer.ts';
import { decodeBase64Url } from './base64.ts';
import { isPlaceholder } from './placeholder.ts';

const DATABASE =
  /(?:mongo|postgres|mysql|maria|redis|amqp|mssql|sqlserver|oracle|cassandra|clickhouse|cockroach|kafka|neo4j|bolt|db2|ldap|snowflake|couchdb|mqtt|nats|memcached|elastic|jdbc|sqlalchemy|influx)/i;
/** Hosts and accounts of documentation (RFC 2606) and of templates. */
const EXAMPLE_HOST =
  /^@(?:example\.(?:com|org|net)|host(?:name)?|server|your|<|\{|\$|domain|my-?host|hostname|url|site\.com|ip)(?![A-Za-z0-9-]*\.(?:com|net|io|org)\b(?<!example\.com|example\.org|example\.net|site\.com))/i;
const STAND_IN = new Set(
  'user username usr password passwd pass pwd secret userpass user_password your_password mypassword login admin_password postgres_password db_password pw p xxx psw clientsecret token oauth2 x-oauth-basic'.split(
    ' ',
  ),
);
/** Words of code and templates that stand as passwords in addresses. */
const PLAIN_WORD = /^[a-z]{1,12}$/;

export const credentialUrl: Recognizer = definePattern({
  name: 'credential-url',
  entity: 'CONNECTION_STRING',
  triggers: [keywords('://', ':\\/\\/', '%3A%2F%2F')],
  reach: { before: 40, after: 2 },
  patterns: [
    {
      name: 'password-in-url',
      regex:
        /(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,30}:\\?\/\\?\/[^\s:/"'`<>\\]{0,120}:(?<value>[^\s/"'`<>]{1,160}|[^\s"'`<>]{1,160})(?=@[A-Za-z0-9_[$<{%.-])/,
      score: 0.8,
    },
    // A token as the user: https://<token>@github.com
    {
      name: 'token-in-url',
      regex:
        /(?<![A-Za-z0-9+.-])(?:https?|git|ssh):\/\/(?<value>[A-Za-z0-9_-]{20,120})(?::x-oauth-basic)?(?=@[A-Za-z0-9-]{1,60}\.[A-Za-z])/,
      score: 0.75,
    },
  ],
  invalidate: (value, around) => isStandIn(value, around),
});

function isStandIn(value: string, around: Around): boolean {
  const after = around.text.slice(around.end, around.end + 60);
  const before = around.text.slice(Math.max(0, around.start - 160), around.start);
  const user = /:\\?\/\\?\/([^\s:/@]{0,120}):$/.exec(before)?.[1] ?? '';
  const plain = value.toLowerCase();
  if (/^\d{1,5}(?:\/|$|\?)/.test(value) && user.includes('.')) return true;
  // `postgres:postgres@localhost`: what an image of a database starts with.
  if (
    user.toLowerCase() === plain &&
    /^@(?:localhost|127\.0\.0\.1|db|database|postgres|mysql|mongo|redis|rabbitmq)(?![\w.-])/.test(after)
  )
    return true;
  if (/^[*•]{3,}$/.test(value)) return true;
  if (/^(?:replace|insert|enter|put)[_-]/.test(plain)) return true;
  if (isTemplate(value) || user.toLowerCase() === 'mailto') return true;
  if (
    STAND_IN.has(plain) ||
    /^(?:your|my|some|the)[_-]?(?:pass|pw|secret|token|key)/.test(plain) ||
    /^\*+$|^x{3,}$|^\.{3}/.test(plain)
  ) {
    return !DATABASE.test(before) || /user|name|<|\{|\$/i.test(user) || user === '' || EXAMPLE_HOST.test(after);
  }
  if (/^@(?:www\.)?(?:[\w-]{1,40}\.)?example\.(?:com|org|net)\b/i.test(after) && PLAIN_WORD.test(plain)) return true;
  return /^(?:user(?:name)?|usr|\$|<|\{|%|your)/i.test(user) && (EXAMPLE_HOST.test(after) || PLAIN_WORD.test(plain));
}

/** Only what is plainly a template: passwords are made of words, repeats and sequences too. */
function isTemplate(value: string): boolean {
  return (
    /^[$<{[%#*]|\$\{|\{\{|<[a-z_ -]{1,40}>|\$\(|%\(|\}$|>$|^\+|\+$/i.test(value) &&
    (isPlaceholder(value) || /[{}<>$()]|^\[.*\]$/.test(value))
  );
}

export const connectionString: Recognizer = definePattern({
  name: 'connection-string',
  entity: 'CONNECTION_STRING',
  triggers: [keywords('password=', 'pwd=', 'passwd=', 'password =', 'password%3d', 'pass=')],
  reach: { before: 4, after: 2 },
  patterns: [
    {
      name: 'ado-or-jdbc',
      regex:
        /(?<![A-Za-z0-9_])(?:password|pwd|passwd|pass)\s{0,2}(?:=|%3d)\s{0,2}(?<value>'[^'\n]{2,120}'|"[^"\n]{2,120}"|\{[^}\n]{2,120}\}|[^\s;&"'`<>{},)]{3,120})/i,
      score: 0.75,
    },
  ],
  invalidate: (value, around) => {
    const near = around.text.slice(Math.max(0, around.start - 260), around.end + 200);
    const isConnection =
      /(?:server|data source|host|hostname|addr(?:ess)?|database|initial catalog|dbname|user id|uid|endpoint|driver)\s{0,2}=[^=\n]{1,120};|jdbc:[a-z]{2,20}:|(?:^|[\s"'])(?:host|dbname|user)=\S{1,60} /i.test(
        near,
      );
    return !isConnection || isPlaceholder(value.replace(/^["'{]|["'}]$/g, ''));
  },
});

/** What stands before a password in FileZilla's, PostgreSQL's and curl's account files. */
const CLIENT_FILE =
  /<Pass(?: encoding="base64")?>$|:(?:5432|3306):[\w*-]{1,60}:[\w*.-]{1,60}:$|login\s{1,4}\S{1,80}\s{1,8}password\s{1,4}$/i;

/** Files with one account a line. Each needs its file's own structure around the password. */
export const accountLine: Recognizer = definePattern({
  name: 'account-line',
  entity: 'PASSWORD',
  triggers: [
    keywords(
      'Credential',
      'BasicAuth',
      'basic_auth',
      'PasswordToken',
      'PasswordAuth',
      'DirectoryEntry',
      '.login(',
      '.auth(',
      'authenticate(',
      'with login password',
      'with password',
      'psql',
      'mongo',
      'sqlcmd',
      'rabbitmqadmin',
      'helm registry',
      'createConnection',
      'psexec',
      'unseal',
      'machine ',
      ':5432:',
      ':3306:',
      'login ',
      '"auth"',
      '_auth',
      '_password',
      'IDENTIFIED',
      'logins',
      'encryptedPassword',
      '<Pass',
      'sshpass',
      'net use',
      'net user',
      'PSCredential',
      'ConvertTo-SecureString',
      'mysql',
      '-u',
      '--user',
      'proxy-user',
      'requirepass',
      'chpasswd',
      '-p',
      'AuthUser',
      'ldap',
      'smbclient',
      'PASSWORD(',
    ),
  ],
  reach: { before: 8, after: 8 },
  patterns: [
    {
      name: 'netrc',
      regex: /(?<![A-Za-z])login\s{1,4}\S{1,80}\s{1,8}password\s{1,4}(?<value>\S{3,120})/i,
      score: 0.85,
    },
    {
      name: 'pgpass',
      regex: /(?<=[\w.*-]):(?:5432|3306|\*):[\w*-]{1,60}:[\w*.-]{1,60}:(?<value>[^\s:]{3,120})/,
      score: 0.85,
    },
    {
      name: 'docker-auth',
      regex: /\\?["']auth\\?["']\s{0,4}:\s{0,4}\\?["'](?<value>[A-Za-z0-9+/]{12,400}={0,2})/,
      score: 0.85,
    },
    {
      name: 'npm-auth',
      regex: /(?<![A-Za-z0-9])_(?:auth|password)\s{0,2}=\s{0,2}["']?(?<value>[A-Za-z0-9+/]{8,400}={0,2})/i,
      score: 0.8,
    },
    {
      name: 'firefox-login',
      regex: /\\?["']encrypted(?:Password|Username)\\?["']\s{0,4}:\s{0,4}\\?["'](?<value>[A-Za-z0-9+/]{24,600}={0,2})/,
      score: 0.8,
    },
    { name: 'filezilla', regex: /<Pass(?:word)?(?: encoding="base64")?>(?<value>[^<\s]{3,200})<\/Pass/i, score: 0.85 },
    {
      name: 'sql-identified',
      regex:
        /IDENTIFIED\s{1,4}(?:WITH\s{1,4}\S{1,40}\s{1,4})?(?:BY|AS)\s{1,4}(?:PASSWORD\s{1,4})?["'`](?<value>[^"'`\n]{3,200})["'`]/i,
      score: 0.85,
    },
    { name: 'sql-password', regex: /(?<![A-Za-z_])PASSWORD\s{0,2}\(?\s{0,2}'(?<value>[^'\n]{4,120})'\)?/i, score: 0.6 },
    {
      name: 'credential-constructor',
      regex:
        /(?:Credentials?|PasswordToken|BasicAuth|PasswordAuthentication|DirectoryEntry|\.login|basic_auth|authenticate|\.auth|createConnection)\s{0,2}\((?:[^()"'\n]{0,40}["'][^"'\n]{0,120}["']\s{0,2},\s{0,20}){1,2}["'](?<value>[^"'\s]{4,120})["']\s{0,2}[,)]/,
      score: 0.7,
    },
    {
      name: 'sql-unquoted',
      regex:
        /(?:IDENTIFIED\s{1,4}BY|WITH\s{1,4}(?:LOGIN\s{1,4})?PASSWORD)\s{1,4}(?<value>(?=[^\s;"']{0,60}\d)(?=[^\s;"']{0,60}[A-Za-z])[^\s;"'\\)]{6,120})/i,
      score: 0.8,
    },
    {
      name: 'vault-unseal',
      regex: /unseal(?: key)?(?: \d{1,2})?:?\s{1,3}(?<value>[A-Za-z0-9+/]{43,44}=?)(?![A-Za-z0-9+/])/i,
      score: 0.85,
    },
    { name: 'sshpass', regex: /sshpass\s{1,4}-p\s{0,2}["']?(?<value>[^\s"']{4,120})/i, score: 0.85 },
    {
      name: 'mysql-flag',
      regex:
        /(?<![A-Za-z])(?:mysql|mysqldump|mysqladmin|mariadb)\s[^\n|;]{0,160}?\s-p(?<value>[^\s"'$-][^\s"']{3,80}|"[^"\n]{4,80}"|'[^'\n]{4,80}')/i,
      score: 0.8,
    },
    {
      name: 'windows-net-use',
      regex: /net\s{1,4}use\s[^\n]{0,120}?\/user:\S{1,60}\s{1,4}(?<value>[^\s/"']{4,80})/i,
      score: 0.75,
    },
    {
      name: 'windows-net-user',
      regex: /net\s{1,4}user\s{1,4}[\w.-]{1,40}\s{1,4}(?<value>[^\s/"'][^\s"']{3,80})\s{1,4}\/add/i,
      score: 0.8,
    },
    {
      name: 'secure-string',
      regex:
        /ConvertTo-SecureString\s{1,4}(?:-AsPlainText\s{1,4}|-String\s{1,4}|-Force\s{1,4}){0,3}["'](?<value>[^"'\n]{4,120})["']/i,
      score: 0.8,
    },
    {
      name: 'command-user',
      regex:
        /(?<![\w-])(?:-u|--user|--proxy-user|-U)[ =]{0,2}["']?(?<user>[A-Za-z0-9_.@%+-]{1,80}):(?<value>[^\s"'`:@|]{3,160})(?=["'\s]|$)/,
      score: 0.7,
    },
    {
      // A shell's quotes may stand around the password alone, the user may be empty, and any mark may be in it.
      name: 'curl-user',
      regex:
        /(?<![\w-])(?:-u|--user|--proxy-user|-U)[ =]{0,2}["']?[A-Za-z0-9_.@%+-]{0,80}:["']?(?<value>[^\s"'`|]{4,160})/,
      score: 0.7,
    },
    {
      name: 'login-flags',
      regex:
        /(?:login|psexec|ldapsearch|ldapadd|ldapmodify|smbclient|psql|mongo(?:sh|dump|restore)?|sqlcmd|rabbitmqadmin|az login|docker login|helm registry)\s[^\n|;]{0,160}?\s(?:-p|-w|-P|--password)[ =](?<value>[^\s"'$-][^\s"']{3,80}|"[^"\n]{4,80}"|'[^'\n]{4,80}')/i,
      score: 0.7,
    },
  ],
  invalidate: (value, around) => {
    const plain = value.replace(/^["']|["']$/g, '');
    const line = around.text.slice(Math.max(0, around.start - 120), around.start);
    // The files of clients hold real accounts, even when the password is a plain word.
    if (CLIENT_FILE.test(line) ? isTemplate(plain) : isPlaceholder(plain)) return true;
    if (/^\d{1,5}:\d{1,5}$/.test(plain)) return true;
    const before = around.text.slice(Math.max(0, around.start - 48), around.start);
    if (/["']auth\\?["']\s{0,4}:\s{0,4}\\?["']$/.test(before))
      return !/^[\x20-\x7e]{1,120}:[\x20-\x7e]{3,300}$/.test(decodeBase64Url(plain));
    // `docker run -u 1000:1000`, `-u root:root`, `chown`: numeric or equal names are ids, not passwords.
    const account = /(?:-u|--user|--proxy-user|-U)[ =]{0,2}["']?([A-Za-z0-9_.@%+-]{0,80}):(["']?)$/.exec(before);
    if (account !== null) {
      const user = account[1] ?? '';
      // Only curl and its like take a login so freely written.
      const isPlain = user !== '' && account[2] === '' && !/[@:]/.test(plain);
      if (
        !isPlain &&
        !/\b(?:curl|wget|http|https)\s/.test(around.text.slice(Math.max(0, around.start - 240), around.start))
      )
        return true;
      return (
        /^\d{1,6}$/.test(plain) ||
        user.toLowerCase() === plain.toLowerCase() ||
        /^\$|\$[A-Za-z_{(]|%[A-Z]/.test(plain) ||
        /%[A-Z]/.test(user)
      );
    }
    return false;
  },
});
