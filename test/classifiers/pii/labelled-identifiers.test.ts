import { describe, expect, it } from 'vitest';
import { ACCOUNT_IDENTIFIERS } from '../../../classifiers/recognizers/pii/account-identifiers.ts';
import { DOCUMENT_IDENTIFIERS } from '../../../classifiers/recognizers/pii/document-identifiers.ts';
import { HEALTH_IDENTIFIERS } from '../../../classifiers/recognizers/pii/health-identifiers.ts';
import { foundIn } from './found-in.ts';

const all = [...HEALTH_IDENTIFIERS, ...ACCOUNT_IDENTIFIERS, ...DOCUMENT_IDENTIFIERS];

describe('labelled identifiers', () => {
  it.each([
    ['record number', 'seen today (MRN: 789-03-456)', 'MEDICAL_RECORD_NUMBER:789-03-456'],
    ['record number with a mark', 'MRN: #HT-987654', 'MEDICAL_RECORD_NUMBER:HT-987654'],
    ['record number with letters', 'under MRN UCSF-20210930-567', 'MEDICAL_RECORD_NUMBER:UCSF-20210930-567'],
    ['medical record in words', 'medical record number is 445566', 'MEDICAL_RECORD_NUMBER:445566'],
    ['patient id', 'Patient ID: ABCD1234', 'MEDICAL_RECORD_NUMBER:ABCD1234'],
    ['Markdown', '**MRN:** 4455667', 'MEDICAL_RECORD_NUMBER:4455667'],
    ['German record', 'Patientennummer 445566', 'MEDICAL_RECORD_NUMBER:445566'],
    ['Chinese record', '病历号是445566', 'MEDICAL_RECORD_NUMBER:445566'],
    ['policy', 'insurance policy number QW-987654', 'HEALTH_INSURANCE_ID:QW-987654'],
    ['insurance and mark', 'Insurance #JP456789', 'HEALTH_INSURANCE_ID:JP456789'],
    ['member', 'member ID: XYZ123456789', 'HEALTH_INSURANCE_ID:XYZ123456789'],
    ['claim number', 'HICN: B123456789', 'HEALTH_INSURANCE_ID:B123456789'],
    ['account', 'my account number is 12345678', 'US_BANK_NUMBER:12345678'],
    ['from an account', 'transfer from account 1234567890', 'US_BANK_NUMBER:1234567890'],
    ['German account', 'Kontonummer: 1234567890', 'US_BANK_NUMBER:1234567890'],
    ['Chinese account', '银行账号：6222021234567', 'US_BANK_NUMBER:6222021234567'],
    ['customer', 'customer number 8812345', 'CUSTOMER_ID:8812345'],
    ['German customer', 'Kundennummer 8812345', 'CUSTOMER_ID:8812345'],
    ['employee', 'employee ID E-48213', 'EMPLOYEE_ID:E-48213'],
    ['passport', 'passport no. X1234567', 'PASSPORT_NUMBER:X1234567'],
    ['French passport', 'passeport 12AB34567', 'PASSPORT_NUMBER:12AB34567'],
    ['national id', 'national ID number: 123456789', 'NATIONAL_ID:123456789'],
    ['user name', 'username: jdoe_88', 'USERNAME:jdoe_88'],
  ])('finds %s', (_name, text, found) => {
    expect(foundIn(all, text)).toContain(found);
  });

  it('takes JSON keys and column headers as labels', () => {
    expect(foundIn(all, '445566', 'mrn')).toEqual(['MEDICAL_RECORD_NUMBER:445566']);
    expect(foundIn(all, 'ABC-445566', 'memberId')).toEqual(['HEALTH_INSURANCE_ID:ABC-445566']);
    expect(foundIn(all, '12345678', 'account_number')).toEqual(['US_BANK_NUMBER:12345678']);
    expect(foundIn(all, '445566', 'total')).toEqual([]);
  });

  it.each([
    ['label without a number', 'the MRN is unknown and the policy covers it'],
    ['date behind a label', 'patient visit no. 2024-01-15'],
    ['age', 'patient 65 years old'],
    ['year', 'policy 2024, plan 2025'],
    ['amount', 'savings account of $150,000.00'],
    ['followers', 'the Twitter account with 1200000 followers'],
    ['word in a longer word', 'the mrnotes 445566 and planner 445566'],
    ['row id', 'employee_id INT, customer_id = 42'],
    ['one character repeated', 'account number 00000000'],
    ['code', 'const memberId = getMember(12345)'],
  ])('leaves %s', (_name, text) => {
    expect(foundIn(all, text)).toEqual([]);
  });
});
