/** Every PII recognizer that ships, in one explicit list. */
import type { Recognizer } from '../../recognizer.ts';
import { ACCOUNT_IDENTIFIERS } from './account-identifiers.ts';
import {
  addressCorner,
  addressPhrase,
  addressUnit,
  eastAsianAddress,
  postBox,
  rightToLeftAddress,
} from './address-phrases.ts';
import { BRITAIN } from './britain.ts';
import { CENTRAL_EUROPE } from './central-europe.ts';
import { EAST_ASIA } from './east-asia.ts';
import { cryptoAddress } from './crypto-address.ts';
import { age, dateOfBirth, dateTime } from './dates.ts';
import { DOCUMENT_IDENTIFIERS } from './document-identifiers.ts';
import { emailAddress } from './email.ts';
import { NORTHERN_EASTERN_EUROPE } from './northern-eastern-europe.ts';
import { SOUTH_ASIA_OCEANIA } from './south-asia-oceania.ts';
import { WESTERN_EUROPE } from './western-europe.ts';
import { geoPosition } from './geo-position.ts';
import { HEALTH_IDENTIFIERS } from './health-identifiers.ts';
import { iban } from './iban.ts';
import { ipv4Address, ipv6Address, macAddress } from './internet-address.ts';
import { NORTH_AMERICA } from './north-america.ts';
import { OTHER_REGIONS } from './other-regions.ts';
import { paymentCard } from './payment-card.ts';
import { phoneInternational, phoneNamed, phoneNational, phoneNorthAmerican } from './phone.ts';
import { letteredPostalCode, namedPostalCode, postalCode } from './postal-code.ts';
import { streetAddress } from './street-address.ts';
import { usSocialSecurity, usSocialSecurityNamed, usTaxpayer, usTaxpayerNamed } from './us-social-security.ts';
import { valueAddedTax } from './value-added-tax.ts';
import { deviceNumber, vehicleNumber, vehiclePlate } from './vehicle.ts';
import { personalLink, webAddress } from './web-address.ts';

const NATIONAL: readonly Recognizer[] = [
  ...NORTH_AMERICA,
  ...BRITAIN,
  ...CENTRAL_EUROPE,
  ...WESTERN_EUROPE,
  ...NORTHERN_EASTERN_EUROPE,
  ...EAST_ASIA,
  ...SOUTH_ASIA_OCEANIA,
  ...OTHER_REGIONS,
];

export const PII_RECOGNIZERS: readonly Recognizer[] = [
  emailAddress,
  paymentCard,
  iban,
  usSocialSecurity,
  usSocialSecurityNamed,
  usTaxpayer,
  usTaxpayerNamed,
  phoneInternational,
  phoneNorthAmerican,
  phoneNational,
  phoneNamed,
  ipv4Address,
  ipv6Address,
  macAddress,
  streetAddress,
  postBox,
  addressUnit,
  addressCorner,
  addressPhrase,
  eastAsianAddress,
  rightToLeftAddress,
  postalCode,
  letteredPostalCode,
  namedPostalCode,
  dateOfBirth,
  dateTime,
  age,
  geoPosition,
  vehicleNumber,
  vehiclePlate,
  deviceNumber,
  cryptoAddress,
  valueAddedTax,
  webAddress,
  personalLink,
  ...HEALTH_IDENTIFIERS,
  ...ACCOUNT_IDENTIFIERS,
  ...DOCUMENT_IDENTIFIERS,
  ...NATIONAL,
];
