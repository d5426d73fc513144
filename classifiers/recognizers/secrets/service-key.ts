/**
 * A key right after the name of the service it opens: `wandb 3f9c…`, `cloudsmith: "6fd0…"`, `RAILWAY = …`. Keys without a
 * prefix of their own are hexadecimal or plain letters and digits, so the name has to say what they are, and nothing but
 * the words of a setting may stand between. Fails towards silence: a checksum or an id after another word is none.
 */
import { definePattern } from '../../define-pattern.ts';
import type { Around } from '../../define-pattern.ts';
import { wordsOf } from '../../context.ts';
import { run } from '../../recognizer.ts';
import type { Recognizer } from '../../recognizer.ts';
import { isDocumentationValue } from './documentation-values.ts';
import { isElided, isExampleToken } from './placeholder.ts';
import { isPatterned } from './patterned.ts';
import { entropy, randomness } from './randomness.ts';

/** Services whose names mean nothing else, so that the name alone tells what follows. Services that deal in digests are left out. */
const SERVICES: ReadonlySet<string> = new Set(
  (
    'abuseipdb abyssale accuweather adafruitio adobeio adyen adzuna aeroworkflow airbrake airbrakeproject ' +
    'airtable aiven alconost alegra aletheia algolia algoliaadmin alibaba alienvault allsports amadeus ambee ' +
    'amplitude anthropic anypoint apacta apideck apiflash apifonica apify apilayer apimatic apimetrics ' +
    'apitemplate appcues appfollow appointedd appsynergy apptivo artifactory artsy asana assemblyai atera ' +
    'autodesk autoklose avaza aviationstack axonaut aylien ayrshare azurefunction azuresas azuresearchadmin ' +
    'azuresearchquery bannerbear baremetrics beebole besnappy besttime betterstack billomat binance bitbar ' +
    'bitcoinaverage bitfinex bitly bitmex bitrise blazemeter blocknative bombbomb boostnote braintree brandfetch ' +
    'browserstack browshot bscscan buddyns budibase bugherd bugsnag buildkite bulbul bulksms buttercms caflou ' +
    'calendarific calendly calorieninja campayn cannyio capsulecrm captaindata carboninterface cashboard caspio ' +
    'censys cexio chartmogul chatbot chatfule checio checklyhq circleci clarifai clearbit clickhelp clicksendsms ' +
    'clickup cliengo clientary clockify clockworksms closecrm cloudconvert cloudelements cloudflare cloudflareca ' +
    'cloudflareglobal cloudimage cloudinary cloudmersive cloudplan cloudsmith cloverly clustdoc codacy ' +
    'codeclimate codecov codemagic codequiry cohere coinbase coinlayer coinlib coinmarketcap commercejs ' +
    'companyhub contentful conversiontools convertkit convier couchbase coveralls craftmypdf crowdin ' +
    'cryptocompare currencycloud currencyfreaks currencylayer currencyscoop customerio dareboost databricks ' +
    'datadog datagov deepai deepgram deepl deepseek detectify detectlanguage dfuse diffbot diggernaut ' +
    'digitalocean discord discordbot disqus dnscheck docparser documo docusign dotdigital dovico dronahq ' +
    'droneci dropbox duffel dwolla dynalist dyspatch eagleeyenetworks ecostruxureit edamam edenai eightxeight ' +
    'elasticemail elevenlabs enablex endorlabs etherscan ethplorer eventbrite everhour exportsdk ' +
    'faceplusplus fastforex fastly feedier fetchrss fibery figma fileio finage findl finnhub firebase fixerio ' +
    'flatio fleetbase flexport flightlabs flightstats flowflu flutterwave flyio formbucket formcraft formio ' +
    'formsite foursquare frameio freshbooks freshdesk fullstory fxmarket geckoboard gemini gengo geoapify ' +
    'geocodify geocodio geoipifi getemail getemails getgeo getgist getresponse getsandbox gitter ' +
    'gocanvas gocardless godaddy goodday googlegemini grafana graphcms graphhopper groovehq groq gtmetrix ' +
    'gumroad gyazo happyscribe hashicorpvault hasura hellosign helpcrunch helpscout heroku hiveage hockeyapp ' +
    'holiday holistic hubspot huggingface hybiscus hypertrack ibmcloud iconfinder iexapis iexcloud imagekit ' +
    'infura intercom interseller intrinio invoiceocean ipgeolocation ipinfo ipinfodb ipquality ipstack jfrog ' +
    'jotform jumpcloud jupiterone kanbantool karmacrm keenio kickbox klaviyo klipfolio kraken kucoin kylas ' +
    'langfuse langsmith languagelayer larksuite launchdarkly leadfeeder lemlist lemonsqueezy lendflow ' +
    'lessannoyingcrm lexigram linemessaging linenotify linkpreview liveagent livestorm locationiq loggly ' +
    'loginradius logzio lokalise loyverse lunchmoney madkudu magicbell mailboxlayer mailchimp mailerlite mailgun ' +
    'mailjet mailjetbasicauth mailjetsms mailmodo mailsac mandrill mapbox mapquest marketstack mattermost ' +
    'mavenlink maxmindlicense meaningcloud mediastack meistertask meraki mesibo messagebird metabase metrilo ' +
    'microsoftteams mindmeister mixmax mixpanel mockaroo mongodb monkeylearn moonclerk moosend mrticktock ' +
    'myfreshworks myintervals nasdaqdatalink nethunt netlify netsuite newrelic newrelicbrowser newreliclicense ' +
    'newrelicmobile newsapi newscatcher nexmo nftport ngrok nicereply nightfall notion nozbeteams numverify ' +
    'nutritionix nylas oanda octopusdeploy okta omnisend onedesk onelogin onepagecrm onesignal onfleet oopspam ' +
    'openai openaiadmin opencage opencagedata openrouter openuv openvpn openweather openweathermap opsgenie ' +
    'optimizely owlbot packagecloud pagarme pagerduty pandadoc pandascore paperform paralleldots parsehub ' +
    'partnerstack pastebin paymo paymongo paypal paystack pdflayer pdfshift peopledatalabs pepipost pganalyzeread ' +
    'photoroom phrase pinata pinecone pipedream pipedrive pivotaltracker pixabay plaid planetscale planetscaledb ' +
    'planviewleankit plivo podio poloniex portainer positionstack posthog postman postmark powrbot privacy ' +
    'prodpad prospectcrm protocolsio pubnub pulumi purestake pushbullet pusher pusherchannel qualaroo qubole ' +
    'rabbitmq razorpay reachmail readme rebrandly rechargepayments redhatpyxis redis rentman repairshopr replyio ' +
    'requestfinance revampcrm ringcentral ritekit robinhoodcrypto rocketreach rootly rownd rubygems runrunit ' +
    'saladcloud salesblink salescookie salesflare salesforce salesmate satismeterwrite saucelabs scaleway scalr ' +
    'scrapeowl scraperbox scrapestack scrapfly scrapingant scrapingbee screenshotlayer scrutinizerci ' +
    'securitytrails selectpdf semgrep sendbird sendgrid sendinblue sentry sentryorg serphouse serpstack sheety ' +
    'sherpadesk shipday shippo shodan shopify shotstack shutterstock signalwire signaturit signupgenius sigopt ' +
    'simfin simplesat simplynoted simvoly sinchmessage siteleaf skrappio skybiometry smartsheets smartystreets ' +
    'smooch snipcart snowflake snyk sonarcloud sonarqube sourcegraph sourcegraphcody sparkpost spectralops ' +
    'speechtextai splunk spoonacular sportsmonk spotify squarespace statuscake statuspage statuspal stitchdata ' +
    'stockdata storecove stormboard stormglass storyblok storychief stripe stytch sugester sumologic supabase ' +
    'supernotes surveyanyplace surveybot surveysparrow survicate swiftype tableau tailscale tallyfy tatumio ' +
    'taxjar teamgate teamworkcrm teamworkdesk teamworkspaces tefter telegram telegrambot teletype telnyx ' +
    'terraformcloud testingbot textmagic theodds thinkific thousandeyes ticketmaster tickettailor tiingo timecamp ' +
    'tines tmetric todoist toggltrack tokeet tomorrowio tomtom tradier transferwise travelpayouts travisci trello ' +
    'twelvedata twilio twitch tyntec typeform typetalk ubidots uclassify unifyid unplugg unsplash ' +
    'upcdatabase uplead uploadcare uptimerobot upwave urlscan userflow userstack vagrantcloud vatlayer vbout ' +
    'vercel verimail veriphone versioneye viewneo virustotal visualcrossing voiceflow voicegain vonage voodoosms ' +
    'vouchery vultr walkscore wandb weatherbit weatherstack webex webexbot webflow webscraper webscraping ' +
    'websitepulse weightsandbiases whoxy wistia worksnaps workstack worldcoinindex worldweather wrike yandex ' +
    'youneedabudget yousign zapier zendesk zenkit zenrows zenscrape zenserp zeplin zerobounce zerotier ' +
    'zipcodebase zohocrm zonkafeedback zulipchat'
  )
    .split(' ')
    // In the singular, as words of a text are read: `smartsheets`.
    .flatMap(wordsOf),
);

/** Words of a setting between the service and its key. */
const SETTING = new Set(
  (
    'api key token secret access private app auth live test prod production sandbox client account config sdk env value ' +
    'credential password pat bearer is my our the rest http integration personal license licence master write read server'
  ).split(' '),
);
/** Those of them that say it is a secret; a UUID needs one, many ids are UUIDs. */
const SECRET = new Set('key token secret private password pat credential auth'.split(' '));

const REACH = 56;
/** What may stand in a setting's name and between it and its value; a digit, a line break or other mark ends it. */
const SETTING_MARK = new Set(' \t_.:=>"\'`(,|[{\\-');
const MOST_WORDS = 5;

export const serviceKey: Recognizer = definePattern({
  name: 'service-key',
  entity: 'API_KEY',
  triggers: [run('token', 20)],
  reach: { before: 2, after: 2 },
  guard: (text, start) => {
    const words = wordsOf(text.slice(Math.max(0, start - REACH), start + REACH));
    return words.some((word, index) => SERVICES.has(word) || SERVICES.has(word + (words[index + 1] ?? '')));
  },
  patterns: [
    {
      name: 'hexadecimal',
      regex: /(?<![0-9A-Za-z])(?:[0-9a-f]{32}|[0-9a-f]{36}|[0-9a-f]{40}|[0-9a-f]{48}|[0-9a-f]{64})(?![0-9A-Za-z])/i,
      score: 0.2,
    },
    {
      name: 'uuid',
      regex: /(?<![0-9A-Za-z]|[0-9]-)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9A-Za-z-])/i,
      score: 0.2,
    },
    {
      name: 'drawn',
      regex: /(?<![0-9A-Za-z_+/.-])(?:[0-9A-Za-z_-]{20,128}|[0-9A-Za-z+/]{26,128}={1,2})(?![0-9A-Za-z_+/=.-])/,
      score: 0.2,
    },
    // `acmeSECRET-9f…`, `acme.key.9f…`: the name and the value in one run.
    { name: 'glued', regex: /(?<=[A-Za-z][_.-])[0-9A-Za-z]{20,128}(?![0-9A-Za-z_+/=.-])/, score: 0.2 },
  ],
  validate: (value, around) => (isNamed(value, around) ? 'valid' : 'unknown'),
  validatedBy: 'service-name',
  validScore: 0.6,
  invalidate: (value, around) =>
    isExampleToken(value) || isPatterned(value) || isDocumentationValue(value) || isElided(around.text, around.end),
});

function isNamed(value: string, { text, start }: Around): boolean {
  const lead = leadIn(text, start);
  if (/[.!?] {1,4}$/.test(lead)) return false;
  let sayingSecret = false;
  const words = wordsOf(lead).slice(-MOST_WORDS);
  for (let at = words.length - 1; at >= 0; at--) {
    const word = words[at] ?? '';
    // `apiMetrics`, `new relic`: written apart, or with a capital inside.
    if (SERVICES.has(word) || SERVICES.has((words[at - 1] ?? '') + word))
      return isKeyLike(value, sayingSecret || /[=:]/.test(lead));
    if (!SETTING.has(word)) return false;
    if (SECRET.has(word)) sayingSecret = true;
  }
  return false;
}

function leadIn(text: string, start: number): string {
  let from = start;
  while (from > 0 && start - from < REACH && isSettingCharacter(text[from - 1] ?? '')) from--;
  return text.slice(from, start);
}

function isSettingCharacter(character: string): boolean {
  return SETTING_MARK.has(character) || /[A-Za-z]/.test(character);
}

function isKeyLike(value: string, isSaid: boolean): boolean {
  if (/^[0-9a-f]{8}-/i.test(value) && value.length === 36) return isSaid;
  if (/^[0-9a-f]{32,64}$/i.test(value)) return entropy(value) > 2.8;
  return /\d/.test(value) && /[A-Za-z]/.test(value) && randomness(value) > 8 && entropy(value) > 3;
}
