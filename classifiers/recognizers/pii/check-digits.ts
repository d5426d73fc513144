/**
 * Check-digit schemes for numbers stdnum has no module for. Each takes bare digits (or upper-case letters where it
 * says so) of the right length and says whether the check holds; wrong length or characters do not hold.
 */

export function digitsOnly(text: string): string {
  return text.replace(/\D/g, '');
}

export function alphanumericsOnly(text: string): string {
  return text.replace(/[^0-9A-Za-z]/g, '').toUpperCase();
}

function weighted(digits: string, weights: readonly number[]): number {
  let sum = 0;
  for (const [index, weight] of weights.entries()) sum += (digits.charCodeAt(index) - 48) * weight;
  return sum;
}

/** ISO/IEC 7812-1 Annex B. */
export function luhn(digits: string): boolean {
  let sum = 0;
  for (let index = digits.length - 1, double = false; index >= 0; index -= 1, double = !double) {
    const digit = digits.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return false;
    sum += double ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
  }
  return digits.length > 1 && sum % 10 === 0;
}

/** ISO/IEC 7064 MOD 97-10 over digits and upper-case letters, as in IBAN after its first four characters moved to the end. */
export function mod97(text: string): boolean {
  let rest = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= 48 && code <= 57) rest = (rest * 10 + code - 48) % 97;
    else if (code >= 65 && code <= 90) rest = (rest * 100 + code - 55) % 97;
    else return false;
  }
  return rest === 1;
}

const dihedralProduct = [
  '0123456789',
  '1234067895',
  '2340178956',
  '3401289567',
  '4012395678',
  '5987604321',
  '6598710432',
  '7659821043',
  '8765932104',
  '9876543210',
] as const;
const dihedralPermutation = [
  '0123456789',
  '1576283094',
  '5803796142',
  '8916043527',
  '9453126870',
  '4286573901',
  '2793806415',
  '7046913258',
] as const;

/** Verhoeff's scheme, last digit is the check digit (Aadhaar, Nigerian NIN). */
export function verhoeff(digits: string): boolean {
  let check = 0;
  for (let place = 0; place < digits.length; place += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - place) - 48;
    if (digit < 0 || digit > 9) return false;
    const permuted = dihedralPermutation[place % 8]?.charCodeAt(digit) ?? 0;
    check = (dihedralProduct[check]?.charCodeAt(permuted - 48) ?? 0) - 48;
  }
  return digits.length > 1 && check === 0;
}

/** Routing transit number: weights 3 7 1, first two digits a Federal Reserve range (00-12, 21-32, 61-72, 80). */
export function abaRouting(digits: string): boolean {
  if (digits.length !== 9 || digits === '000000000') return false;
  const bank = Number(digits.slice(0, 2));
  const inRange = bank <= 12 || (bank >= 21 && bank <= 32) || (bank >= 61 && bank <= 72) || bank === 80;
  return inRange && weighted(digits, [3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 === 0;
}

/** National provider identifier: Luhn over the card issuer prefix 80840 and the ten digits. */
export function nationalProvider(digits: string): boolean {
  return digits.length === 10 && (digits[0] === '1' || digits[0] === '2') && luhn(`80840${digits}`);
}

/** DEA registration: two letters, six digits, check digit; takes `AB1234563`. */
export function deaRegistration(text: string): boolean {
  if (!/^[A-Z][A-Z9]\d{7}$/.test(text)) return false;
  return weighted(text.slice(2), [1, 2, 1, 2, 1, 2]) % 10 === Number(text[8]);
}

/** NHS number (England, Wales) and CHI (Scotland): modulus 11. */
export function nhsNumber(digits: string): boolean {
  if (digits.length !== 10 || /^(\d)\1{9}$/.test(digits)) return false;
  const check = 11 - (weighted(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11);
  return check !== 10 && (check === 11 ? 0 : check) === Number(digits[9]);
}

/** Japanese My Number (12 digits). */
export function myNumber(digits: string): boolean {
  if (digits.length !== 12) return false;
  const rest = weighted(digits, [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
  return (rest <= 1 ? 0 : 11 - rest) === Number(digits[11]);
}

/** Russian insurance number (SNILS, 11 digits). */
export function snils(digits: string): boolean {
  if (digits.length !== 11) return false;
  return (weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101) % 100 === Number(digits.slice(9));
}

/** Australian Medicare card: eight digits, check digit, issue digit, optionally the person's line on the card. */
export function australianMedicare(digits: string): boolean {
  if (digits.length !== 10 && digits.length !== 11) return false;
  return /^[2-6]/.test(digits) && weighted(digits, [1, 3, 7, 9, 1, 3, 7, 9]) % 10 === Number(digits[8]);
}

/** Singapore NRIC and FIN: letter, seven digits, check letter. */
export function singaporeIdentity(text: string): boolean {
  if (!/^[STFGM]\d{7}[A-Z]$/.test(text)) return false;
  const series = text[0] ?? '';
  const offset = series === 'T' || series === 'G' ? 4 : series === 'M' ? 3 : 0;
  const rest = (weighted(text.slice(1), [2, 7, 6, 5, 4, 3, 2]) + offset) % 11;
  const letters = series === 'S' || series === 'T' ? 'JZIHGFEDCBA' : series === 'M' ? 'XWUTRQPNJLK' : 'XWUTRQPNMLK';
  return letters[rest] === text[8];
}

/** German health insurance number: the letter as two digits, Luhn-like from the left (1 2 1 2 …), last digit checks. */
export function germanHealthInsurance(text: string): boolean {
  if (!/^[A-Z]\d{9}$/.test(text)) return false;
  const digits = String(text.charCodeAt(0) - 64).padStart(2, '0') + text.slice(1);
  let sum = 0;
  for (let index = 0; index < 10; index += 1) {
    const product = (digits.charCodeAt(index) - 48) * (index % 2 === 0 ? 1 : 2);
    sum += product > 9 ? product - 9 : product;
  }
  return sum % 10 === Number(digits[10]);
}

/** ICAO 9303 check digit over `0-9A-Z<`, weights 7 3 1; the last character of `text` is the check digit. */
export function machineReadable(text: string): boolean {
  let sum = 0;
  for (let index = 0; index < text.length - 1; index += 1) {
    const code = text.charCodeAt(index);
    const value = code >= 48 && code <= 57 ? code - 48 : code >= 65 && code <= 90 ? code - 55 : code === 60 ? 0 : -1;
    if (value < 0) return false;
    sum += value * ([7, 3, 1][index % 3] ?? 0);
  }
  return text.length > 1 && sum % 10 === text.charCodeAt(text.length - 1) - 48;
}

const vinLetters: Readonly<Record<string, number>> = {
  A: 1,
  B: 2,
  C: 3,
  D: 4,
  E: 5,
  F: 6,
  G: 7,
  H: 8,
  J: 1,
  K: 2,
  L: 3,
  M: 4,
  N: 5,
  P: 7,
  R: 9,
  S: 2,
  T: 3,
  U: 4,
  V: 5,
  W: 6,
  X: 7,
  Y: 8,
  Z: 9,
};

/** Vehicle identification number, 49 CFR 565.15: position 9 checks. Only North American and Chinese makers must set it. */
export function vehicleIdentification(text: string): boolean {
  if (!/^[A-HJ-NPR-Z0-9]{17}$/.test(text)) return false;
  const weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
  let sum = 0;
  for (const [index, weight] of weights.entries()) {
    const character = text[index] ?? '';
    sum += (vinLetters[character] ?? Number(character)) * weight;
  }
  return (sum % 11 === 10 ? 'X' : String(sum % 11)) === text[8];
}

/** International mobile equipment identity: 15 digits, Luhn. */
export function mobileEquipment(digits: string): boolean {
  return digits.length === 15 && luhn(digits);
}

/** Chilean, Saudi and other ten-digit identities that are Luhn with a fixed first digit. */
export function saudiIdentity(digits: string): boolean {
  return /^[12]\d{9}$/.test(digits) && luhn(digits);
}

/** A day and month that a calendar has; two-digit years are taken as they are. */
export function plausibleDay(day: number, month: number): boolean {
  return day >= 1 && day <= 31 && month >= 1 && month <= 12;
}

/** Indonesian NIK: province, regency, district, then birth day (+40 for women), month, year, serial. No check digit. */
export function indonesianIdentity(digits: string): boolean {
  if (!/^[1-9]\d{15}$/.test(digits)) return false;
  const day = Number(digits.slice(6, 8));
  const province = Number(digits.slice(0, 2));
  return (
    province >= 11 &&
    province <= 96 &&
    plausibleDay(day > 40 ? day - 40 : day, Number(digits.slice(8, 10))) &&
    digits.slice(12) !== '0000'
  );
}

/** Korean foreigner registration and resident numbers share date and gender digit; since 2020 their last digits are random, so no check digit is asked. */
export function koreanResident(digits: string): boolean {
  return digits.length === 13 && plausibleDay(Number(digits.slice(4, 6)), Number(digits.slice(2, 4)));
}

/** Brazilian driving licence (CNH, 11 digits, two check digits). */
export function brazilianLicence(digits: string): boolean {
  if (digits.length !== 11 || /^(\d)\1{10}$/.test(digits)) return false;
  const first = weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11;
  const second = weighted(digits, [1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11;
  const one = first >= 10 ? 0 : first;
  const shift = first >= 10 ? 2 : 0;
  const two = second >= 10 ? 0 : second - shift < 0 ? second - shift + 11 : second - shift;
  return one === Number(digits[9]) && two === Number(digits[10]);
}

/** Brazilian PIS/NIS/NIT (11 digits). */
export function brazilianSocialNumber(digits: string): boolean {
  if (digits.length !== 11 || /^(\d)\1{10}$/.test(digits)) return false;
  const rest = 11 - (weighted(digits, [3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11);
  return (rest >= 10 ? 0 : rest) === Number(digits[10]);
}

/** UK driving licence number, 16 characters: surname, decade, month (+5 for women), day, year, initials. No public check digit. */
export function britishLicence(text: string): boolean {
  if (!/^[A-Z9]{5}\d[0156]\d[0-3]\d\d[A-Z9]{2}[A-Z0-9]{3}$/.test(text) || !/^[A-Z]/.test(text)) return false;
  const month = Number(text.slice(6, 8));
  return plausibleDay(Number(text.slice(8, 10)), month > 50 ? month - 50 : month);
}
