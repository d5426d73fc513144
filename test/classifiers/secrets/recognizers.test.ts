import { describe, expect, it } from 'vitest';
import { SECRET_RECOGNIZERS } from '../../../classifiers/recognizers/secrets/all.ts';
import { scanText } from '../rules/scan-text.ts';
import { drawn } from './drawn.ts';

const HEX32 = drawn('0-9a-f', 32, 1);
const UUID = '5f1c9a3e-7b24-4d08-a6f1-93d2e87c0b45';
const MIXED40 = drawn('0-9A-Za-z', 40, 3);
const MIXED64 = drawn('0-9A-Za-z', 64, 9);
const BASE64 = drawn('0-9A-Za-z+/', 88, 4);
const LINES = [drawn('0-9A-Za-z+/', 64, 5), drawn('0-9A-Za-z+/', 64, 6), drawn('0-9A-Za-z+/', 40, 7)];
const PEM = `-----BEGIN RSA PRIVATE KEY-----\n${LINES.join('\n')}\n-----END RSA PRIVATE KEY-----`;
const b64 = (text: string): string => btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const JWT = `${b64('{"alg":"HS256","typ":"JWT"}')}.${b64('{"sub":"u-8841","role":"admin","exp":1799999999}')}.${drawn('0-9A-Za-z_-', 43, 8)}`;

const threshold = (entity: string): number => (entity === 'PRIVATE_KEY' ? 0.3 : 0.5);
const findings = (text: string, hint = '') =>
  scanText(SECRET_RECOGNIZERS, text, hint).filter(({ entity, score }) => score >= threshold(entity));

describe('secrets are found, and where they stand', () => {
  it.each([
    ['.env', `DB_PASSWORD=Sunfl0wer!9`, 'PASSWORD', 'Sunfl0wer!9'],
    ['.env with export', `export API_TOKEN=${MIXED40}`, 'API_KEY', MIXED40],
    ['JSON', `{"client_secret": "${MIXED40}"}`, 'API_KEY', MIXED40],
    ['JSON in a string', `"{\\"password\\": \\"hunter2x9\\"}"`, 'PASSWORD', 'hunter2x9'],
    ['YAML', `redis:\n  password: k4Rt-offel7`, 'PASSWORD', 'k4Rt-offel7'],
    ['INI with blanks', `[db]\npassword = Tr0ub4dor`, 'PASSWORD', 'Tr0ub4dor'],
    ['camel case', `const dbPassword = 'Tr0ub4dor&3';`, 'PASSWORD', 'Tr0ub4dor&3'],
    ['a type before the value', `let api_key: &str = "${HEX32}";`, 'API_KEY', HEX32],
    ['Go', `apiKey := "${HEX32}"`, 'API_KEY', HEX32],
    ['PHP define', `define('DB_PASSWORD', 'gr8-w0rdPress');`, 'PASSWORD', 'gr8-w0rdPress'],
    ['a comparison', `if (token == "${MIXED40}") {`, 'API_KEY', MIXED40],
    ['a setter', `conf.setPassword("n0tS0Secret")`, 'PASSWORD', 'n0tS0Secret'],
    ['XML element', `<password>Xm1-Passw0rt</password>`, 'PASSWORD', 'Xm1-Passw0rt'],
    ['XML attribute', `<add key="SmtpPassword" value="Sm7p!pass"/>`, 'PASSWORD', 'Sm7p!pass'],
    ['name and value apart', `- name: DB_PASSWORD\n  value: "p0d-s3cret"`, 'PASSWORD', 'p0d-s3cret'],
    ['a flag', `deploy --token ${MIXED40} --env prod`, 'API_KEY', MIXED40],
    ['prose', `my password is Tr0ub4dor&3, help me log in`, 'PASSWORD', 'Tr0ub4dor&3'],
    ['German prose', `Das Passwort lautet Kartoffel42!`, 'PASSWORD', 'Kartoffel42!'],
    ['French', `mot de passe : Bagu3tte!7`, 'PASSWORD', 'Bagu3tte!7'],
    ['Spanish', `contraseña: T0rtilla99`, 'PASSWORD', 'T0rtilla99'],
    ['Chinese', `数据库密码:Zh0ngwen88`, 'PASSWORD', 'Zh0ngwen88'],
    ['two fields in a line', `user: bob pw: dip17Gg!x`, 'PASSWORD', 'dip17Gg!x'],
    ['curl user', `curl -u admin:s3cr3tPw9 https://api.acme.io`, 'PASSWORD', 's3cr3tPw9'],
    ['curl user, any marks', `curl -k -u kibana:T@ble#19!x https://api.acme.io`, 'PASSWORD', 'T@ble#19!x'],
    [
      'curl user, quoted password',
      `curl --user dana:'wV8qLr2mTz' -X PATCH https://api.acme.io`,
      'PASSWORD',
      'wV8qLr2mTz',
    ],
    ['curl without a user', `curl -u ":wV8qLr!2mTz" https://api.acme.io`, 'PASSWORD', 'wV8qLr!2mTz'],
    ['a type behind the name', `const fastlyKey string = "${MIXED40}"`, 'API_KEY', MIXED40],
    ['commented out in .env', `# APP_PASSWORD=Sunfl0wer!9`, 'PASSWORD', 'Sunfl0wer!9'],
    ['a name of two words', `apiMetrics := "${MIXED40}"`, 'API_KEY', MIXED40],
    ['service and value in one run', `geocodifySECRET-${MIXED40}`, 'API_KEY', MIXED40],
    ['service, = and value', `dareboost=${MIXED40}`, 'API_KEY', MIXED40],
    ['a name that speaks of parsers', `parsers token = '${MIXED40}'`, 'API_KEY', MIXED40],
    ['base64 with a slash in front', `PrivateKey = /${BASE64.slice(0, 42)}=`, 'API_KEY', `/${BASE64.slice(0, 42)}=`],
    ['one letter in a form', `token: sk_live_${'B'.repeat(24)}`, 'API_KEY', `sk_live_${'B'.repeat(24)}`],
    [
      'two forms filled',
      `tskey-auth-${'C'.repeat(12)}-${'D'.repeat(24)}`,
      'API_KEY',
      `tskey-auth-${'C'.repeat(12)}-${'D'.repeat(24)}`,
    ],
    ['numbered key among parameters', `{"params": ["10-${MIXED64}"]}`, 'API_KEY', `10-${MIXED64}`],
    ['bearer', `Authorization: Bearer ${MIXED40}`, 'API_KEY', MIXED40],
    ['basic', `Authorization: Basic ${btoa('deploy:Wh4lesong')}`, 'PASSWORD', btoa('deploy:Wh4lesong')],
    ['database URL', `postgres://app:s3cr3tPw9@db.internal:5432/app`, 'CONNECTION_STRING', 's3cr3tPw9'],
    ['URL with an @ in the password', `amqp://app:p@ss@w0rd@mq.internal`, 'CONNECTION_STRING', 'p@ss@w0rd'],
    ['redis without a user', `redis://:r3dis-Pw@cache:6379/0`, 'CONNECTION_STRING', 'r3dis-Pw'],
    ['ADO', `Server=tcp:db,1433;Database=x;User ID=sa;Password=Adm1n!Pw;`, 'CONNECTION_STRING', 'Adm1n!Pw'],
    [
      'Azure storage',
      `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${BASE64}==;`,
      'CONNECTION_STRING',
      `${BASE64}==`,
    ],
    [
      'AWS secret key',
      `AKIA${drawn('A-Z2-7', 16, 9)} ${drawn('0-9A-Za-z+/', 40, 10)}`,
      'API_KEY',
      drawn('0-9A-Za-z+/', 40, 10),
    ],
    [
      'Slack webhook',
      `https://hooks.slack.com/services/T${drawn('A-Z0-9', 9, 1)}/B${drawn('A-Z0-9', 9, 2)}/${drawn('0-9A-Za-z', 24, 3)}`,
      'API_KEY',
      `T${drawn('A-Z0-9', 9, 1)}/B${drawn('A-Z0-9', 9, 2)}/${drawn('0-9A-Za-z', 24, 3)}`,
    ],
    [
      'telegram bot',
      `8123456789:AA${drawn('0-9A-Za-z_-', 33, 4)}`,
      'API_KEY',
      `8123456789:AA${drawn('0-9A-Za-z_-', 33, 4)}`,
    ],
    ['JWT', `token ${JWT} expired`, 'JWT', JWT],
    ['PEM', `here:\n${PEM}\nthanks`, 'PRIVATE_KEY', PEM],
    [
      'PEM in a JSON string',
      `{"private_key": "${PEM.replaceAll('\n', '\\n')}\\n"}`,
      'PRIVATE_KEY',
      PEM.replaceAll('\n', '\\n'),
    ],
    [
      'shadow',
      `root:$6$${drawn('0-9A-Za-z', 12, 1)}$${drawn('0-9A-Za-z./', 86, 2)}:19000:0:99999:7:::`,
      'PASSWORD',
      `$6$${drawn('0-9A-Za-z', 12, 1)}$${drawn('0-9A-Za-z./', 86, 2)}`,
    ],
    [
      'htpasswd',
      `bob:$apr1$${drawn('0-9A-Za-z', 8, 1)}$${drawn('0-9A-Za-z./', 22, 2)}`,
      'PASSWORD',
      `$apr1$${drawn('0-9A-Za-z', 8, 1)}$${drawn('0-9A-Za-z./', 22, 2)}`,
    ],
    ['a list with dashes', `acme token - '${MIXED40}'`, 'API_KEY', MIXED40],
    ['quotes with blanks inside', `apiToken = ' ${MIXED40} '`, 'API_KEY', MIXED40],
    ['an attribute that names its element', `<string name="maps_api_key">${HEX32}</string>`, 'API_KEY', HEX32],
    ['a secret a person chose', `jwt:\n  secret: 'harbour#crane'`, 'API_KEY', 'harbour#crane'],
    ['after the name of its service', `wandb ${HEX32}`, 'API_KEY', HEX32],
    ['under the name of its service', `cloudsmith: "${MIXED40}"`, 'API_KEY', MIXED40],
    ['a UUID as a key', `const postmarkToken = "${UUID}";`, 'API_KEY', UUID],
    ['a tried password', `incorrect password: hunter2x9`, 'PASSWORD', 'hunter2x9'],
    ['netrc', `machine api.acme.io login bob password sunshine`, 'PASSWORD', 'sunshine'],
    ['pgpass', `db.acme.io:5432:app:bob:wh4lesong`, 'PASSWORD', 'wh4lesong'],
    ['Terraform default', `variable "api_token" {\n  default = "${MIXED40}"\n}`, 'API_KEY', MIXED40],
    ['a constructor', `new NetworkCredential("bob@acme.io", "vzihlaquk9")`, 'PASSWORD', 'vzihlaquk9'],
    [
      'docker config',
      `"auths": {"r.acme.io": {"auth": "${btoa('bob:Wh4lesong')}"}}`,
      'PASSWORD',
      btoa('bob:Wh4lesong'),
    ],
    ['SQL', `CREATE USER app IDENTIFIED BY 'Sq1-Passw0rd';`, 'PASSWORD', 'Sq1-Passw0rd'],
    [
      'Kubernetes secret',
      `kind: Secret\nmetadata:\n  name: x\ndata:\n  config: ${btoa('top: 9f8e7d6c')}\n`,
      'API_KEY',
      btoa('top: 9f8e7d6c'),
    ],
    [
      'JWK',
      `{"kty":"EC","crv":"P-256","d":"${drawn('0-9A-Za-z_-', 43, 5)}"}`,
      'PRIVATE_KEY',
      drawn('0-9A-Za-z_-', 43, 5),
    ],
  ])('%s', (_, text, entity, value) => {
    expect(findings(text)).toContainEqual(expect.objectContaining({ entity, value }));
  });

  it('a JSON key above the text is the name', () => {
    expect(findings('Sunfl0wer!9', 'db_password')).toMatchObject([{ entity: 'PASSWORD', value: 'Sunfl0wer!9' }]);
    expect(findings('Sunfl0wer!9', 'nickname')).toEqual([]);
  });
});

describe('look-alikes are not', () => {
  it.each([
    'API_KEY=your-api-key-here',
    'api_key = "xxxxxxxxxxxxxxxxxxxxxxxx"',
    'OPENAI_API_KEY=<YOUR_KEY>',
    'password: ${DB_PASSWORD}',
    'password = process.env.DB_PASSWORD',
    'password = os.environ["DB_PASSWORD"]',
    'token = getToken(user.id)',
    'secret: {{ .Values.secret }}',
    'password: ********',
    'password: "changeme"',
    'DB_PASSWORD=password',
    'aws_access_key_id = AKIAIOSFODNN7EXAMPLE',
    'aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    'the password is required',
    'Your password must be at least 8 characters long.',
    'error: invalid token',
    'forgot password? reset it here',
    'passwordLabel: "Enter your password"',
    'max_tokens: 4096, token_type: "bearer"',
    'tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")',
    'primary_key = "customer_id_2024"',
    'public_key: "9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit"',
    'password_policy: "min8-max64"',
    'key points: 1. growth 2. margin',
    'const key = `user:${id}`',
    'commit 9fceb02d0ae598e95dc970b74767f19372d61af8',
    'id: 550e8400-e29b-41d4-a716-446655440000',
    'integrity: sha512-9wnTAMxD8A7ZLaIGKvZkRTdGRTDnFlz7BYlWC4nQhVzCyLZ3ZrcGFWqFQ4o3ToLQ2tFNGzcXDk7CZpvJzHcgNg==',
    'sha256:3b8f1c9d2e7a6054f1b2c3d4e5f60718293a4b5c6d7e8f901a2b3c4d5e6f7081',
    '<img src="data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk">',
    '-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----',
    'A PEM file starts with -----BEGIN RSA PRIVATE KEY----- and ends with a footer.',
    '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEVs/o5+uQbTjL3chynL4wXgUg2R9q\n-----END PUBLIC KEY-----',
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c',
    'postgres://user:password@localhost:5432/db for example',
    'https://user:pass@example.com/',
    'mongodb://<user>:<password>@host/db',
    'docker run -u 1000:1000 alpine',
    'curl -u "$USER:$PASS" https://api.acme.io',
    `curl -u admin:'$PASS' https://api.acme.io`,
    'scp -u build:a@b:/srv/data .',
    `password = getpass.getpass('Password: ')`,
    'data:\n  password: {{ .Values.db.password | b64enc }}',
    'Authorization: Bearer <token>',
    'Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==',
    'sk_test_4eC39HqLyjWDarjtT1zdp7dc',
    'import { pass } from "./boarding-pass.ts"',
    'pass `previous_response_id` instead',
    'echo $PWD; PWD=/home/bob/work',
    'password: ENC(2048:tUf83Ex0oSbDGa8vaU1hGqesODG9J4j4)',
    'spec: { apiKey: { secretKeyRef: { name: api, key: token } } }',
    'https://acme.io/blog/how-to-reset-your-password-2024',
    'chatcmpl-9hTqEwbVJgYwBq1cQmF7oZ3xL2',
    'call_abc123DEF456ghi789JKL012',
    'toolu_01A09q90qw90lq917835lq9',
    `const fakeToken = "${MIXED40}";`,
    `dummy_api_key: ${HEX32}`,
    `nonMatchingToken := "ftr05x3dt4tm88co"`,
    `X-Signature: ${BASE64}==`,
    '<UserSecretsId>3f1d6a52-8c0e-4b7d-9a41-d5e2c7b80f13</UserSecretsId>',
    'aws_secret_access_key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYSAMPLETEST',
    'sk-ant-api03-abc123def456ghi789jkl-mnopqrstuvwxyz-1234567890-abcdefghijklmnop',
    'apiKey: "AIzaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"',
    'api_key = "123e4567-e89b-12d3-a456-426614174000"',
    `https://cdn.acme.io/img/ico-${HEX32}.png`,
    `STRIPE_PUBLISHABLE=pk_live_${drawn('0-9A-Za-z', 24, 11)}`,
    `snyk reported 3 issues in commit ${drawn('0-9a-f', 40, 12)}`,
    `See https://docs.acme.io/heroku/${drawn('0-9A-Za-z_-', 44, 13)} for it.`,
    `key = ${MIXED40}`,
    `clientToken: "pub${HEX32}"`,
    `"token3": "xoxp-1234-1234-1234-${HEX32}"`,
    `nonMatchingToken := "task_test_${drawn('0-9a-z', 30, 14)}"`,
    `value="${b64('{"typ": "TCV2"}')}.${drawn('0-9A-Za-z_-', 20, 15)}.${drawn('0-9A-Za-z_-', 43, 16)}"`,
    `${b64('{"alg":"HS256","typ":"JWT"}')}.${b64('{"some":"payload"}')}.${drawn('0-9A-Za-z_-', 43, 17)}`,
    `HF_TOKEN=hf_${'x'.repeat(34)}`,
    `sk_live_${'X'.repeat(24)}`,
    'postgres://postgres:postgres@localhost:5432/app',
    'postgres://app:REPLACE_WITH_PASSWORD@db.acme.io/app',
  ])('%s', (text) => {
    expect(findings(text)).toEqual([]);
  });
});
