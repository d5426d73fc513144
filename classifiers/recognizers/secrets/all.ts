/** Every secret recognizer, in the order they are explained: distinctive formats first, names and entropy last. */
import type { Recognizer } from '../../recognizer.ts';
import { secretAssignment } from './assignment.ts';
import { authorizationHeader } from './authorization.ts';
import { accountLine, connectionString, credentialUrl } from './connection-string.ts';
import { awsSecretKey, highEntropy } from './high-entropy.ts';
import { jsonWebToken } from './jwt.ts';
import { secretManifest } from './manifest.ts';
import { passwordHash } from './password-hash.ts';
import { encodedPrivateKey, jsonWebKey, privateKey } from './private-key.ts';
import { tokenRecognizer } from './token-format.ts';
import type { TokenFormat } from './token-format.ts';
import { CLOUD_TOKENS } from './tokens-cloud.ts';
import { CODE_TOKENS } from './tokens-code.ts';
import { SERVICE_TOKENS } from './tokens-services.ts';
import { serviceKey } from './service-key.ts';
import { SHAPED_TOKENS } from './tokens-shaped.ts';

export const TOKEN_FORMATS: readonly TokenFormat[] = [...CODE_TOKENS, ...CLOUD_TOKENS, ...SERVICE_TOKENS];

export const SECRET_RECOGNIZERS: readonly Recognizer[] = [
  ...TOKEN_FORMATS.map(tokenRecognizer),
  ...SHAPED_TOKENS,
  privateKey,
  encodedPrivateKey,
  jsonWebKey,
  jsonWebToken,
  credentialUrl,
  connectionString,
  accountLine,
  passwordHash,
  authorizationHeader,
  secretManifest,
  secretAssignment,
  serviceKey,
  awsSecretKey,
  highEntropy,
];
