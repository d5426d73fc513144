/** Secrets that are part of a web address: signatures of signed URLs, and webhooks whose path is the password. */
import type { PatternDeclaration } from '../../define-pattern.ts';
import { keywords } from '../../recognizer.ts';
import { drawn } from './token-format.ts';

export const WEB_SECRETS: readonly PatternDeclaration[] = [
  {
    name: 'signed-url',
    entity: 'API_KEY',
    triggers: [
      keywords(
        'sig=',
        'Signature=',
        'AccountKey=',
        'SharedAccessKey=',
        'SharedSecret=',
        'x-amz-security-token=',
        'se=',
      ),
    ],
    reach: { before: 2, after: 2 },
    patterns: [
      {
        name: 'azure-shared-access-signature',
        regex: /(?<![0-9A-Za-z])sig=(?<value>[0-9A-Za-z%+/_-]{40,100}(?:=|%3[Dd]){0,2})/,
        score: 0.85,
      },
      { name: 'aws-presigned', regex: /(?<![0-9A-Za-z])X-Amz-Signature=(?<value>[0-9a-f]{64})/i, score: 0.7 },
      { name: 'google-signed', regex: /(?<![0-9A-Za-z])X-Goog-Signature=(?<value>[0-9a-f]{64,512})/i, score: 0.7 },
      {
        name: 'azure-account-key',
        regex: /(?<![0-9A-Za-z])(?:AccountKey|SharedAccessKey|SharedSecret)=(?<value>[0-9A-Za-z+/]{20,90}={0,2})/i,
        score: 0.9,
        entity: 'CONNECTION_STRING',
      },
      { name: 'aws-session-token', regex: /x-amz-security-token=(?<value>[0-9A-Za-z%+/_-]{60,1500})/i, score: 0.8 },
    ],
    invalidate: drawn(3.2),
  },
  {
    name: 'webhook-url',
    entity: 'API_KEY',
    triggers: [
      keywords(
        'hooks.slack.com',
        'discord.com/api/webhooks',
        'discordapp.com/api/webhooks',
        'webhook.office.com',
        'hooks.zapier.com',
        'chat.googleapis.com',
        'hook.eu',
        'hook.us',
        'logic.azure.com',
        '/webhook/',
        'open.feishu.cn',
        'qyapi.weixin.qq.com',
        'oapi.dingtalk.com',
        'api.telegram.org/bot',
      ),
    ],
    reach: { before: 2, after: 2 },
    patterns: [
      {
        name: 'slack',
        regex: /hooks\.slack\.com\/(?:services|workflows|triggers)\/(?<value>[0-9A-Za-z+/]{30,100})/i,
        score: 0.9,
      },
      {
        name: 'discord',
        regex: /discord(?:app)?\.com\/api\/webhooks\/[0-9]{16,20}\/(?<value>[0-9A-Za-z_-]{56,90})/i,
        score: 0.9,
      },
      {
        name: 'teams',
        regex:
          /webhook\.office\.com\/webhookb?2?\/(?<value>[0-9A-Za-z@-]{60,110}\/IncomingWebhook\/[0-9A-Za-z]{20,40}\/[0-9A-Za-z-]{30,40})/i,
        score: 0.9,
      },
      { name: 'zapier', regex: /hooks\.zapier\.com\/hooks\/catch\/(?<value>[0-9]{4,12}\/[0-9a-z]{5,12})/i, score: 0.8 },
      {
        name: 'google-chat',
        regex:
          /chat\.googleapis\.com\/v1\/spaces\/[0-9A-Za-z_-]{8,20}\/messages\?(?<value>key=[0-9A-Za-z_-]{20,60}&token=[0-9A-Za-z_%=-]{20,100})/i,
        score: 0.9,
      },
      { name: 'make', regex: /hook\.(?:eu|us)[0-9]{0,2}\.make\.com\/(?<value>[0-9a-z]{20,40})/i, score: 0.8 },
      { name: 'tines', regex: /(?<=tines\.com)\/webhook\/(?<value>[0-9a-z]{20,40}\/[0-9a-z]{20,40})/i, score: 0.85 },
      { name: 'feishu', regex: /open\.feishu\.cn\/open-apis\/bot\/v2\/hook\/(?<value>[0-9a-f-]{36})/i, score: 0.85 },
      {
        name: 'wecom',
        regex: /qyapi\.weixin\.qq\.com\/cgi-bin\/webhook\/send\?key=(?<value>[0-9a-f-]{36})/i,
        score: 0.85,
      },
      {
        name: 'dingtalk',
        regex: /oapi\.dingtalk\.com\/robot\/send\?access_token=(?<value>[0-9a-f]{64})/i,
        score: 0.85,
      },
    ],
    invalidate: drawn(2.5),
  },
];
