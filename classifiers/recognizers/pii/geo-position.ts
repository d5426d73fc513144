/** GEO_POSITION: latitude and longitude precise enough to find a house (three decimals, about 100 m), and degrees-minutes-seconds. */
import { definePattern } from '../../define-pattern.ts';
import { digits, keywords } from '../../recognizer.ts';
import { shapeGuard } from './shape-guard.ts';

const LATITUDE = String.raw`[-+]?(?:[1-8]?\d|90)\.\d{3,16}`;
const LONGITUDE = String.raw`[-+]?(?:1[0-7]\d|[1-9]?\d|180)\.\d{3,16}`;

const isPair = shapeGuard(/(?<![\d.])\d{1,3}\.\d{3,16}(?![\d.])[^\n]{1,24}(?<![\d.])\d{1,3}\.\d{3}/, {
  before: 4,
  after: 40,
});

export const geoPosition = definePattern({
  name: 'geo-position',
  entity: 'GEO_POSITION',
  triggers: [digits(8, '1..3.3..16'), keywords('°')],
  guard: (text, start, end) => text[start] === '°' || isPair(text, start, end),
  reach: { before: 40, after: 40 },
  patterns: [
    // Two decimals beside each other are also vectors and probabilities: words of place or four decimals and a degree sign decide.
    {
      name: 'pair',
      regex: new RegExp(
        String.raw`(?<![\w.,])${LATITUDE}°?\s?[NS]?\s?[,;/ ]\s?${LONGITUDE}°?(?:\s?[EW])?(?![\w.]\d|\d|\s?,\s?[-+]?\d+\.\d)`,
      ),
      score: 0.3,
    },
    {
      name: 'hemisphere',
      regex: new RegExp(
        String.raw`(?<![\w.])\d{1,2}\.\d{3,16}\s?°?\s?[NS][,;/\s]{1,3}\d{1,3}\.\d{3,16}\s?°?\s?[EWO](?!\w)`,
      ),
      score: 0.7,
    },
    {
      name: 'degrees',
      regex:
        /(?<!\w)\d{1,2}\s?°\s?\d{1,2}\s?['’′]\s?\d{1,2}(?:\.\d{1,6})?\s?["”″]?\s?[NS][,;/\s]{1,3}\d{1,3}\s?°\s?\d{1,2}\s?['’′]\s?\d{1,2}(?:\.\d{1,6})?\s?["”″]?\s?[EWO](?!\w)/,
      score: 0.7,
    },
    {
      name: 'labelled',
      regex: new RegExp(
        String.raw`(?<!\w)lat(?:itude)?["']?\s?[:=]\s?["']?${LATITUDE}["']?[\s,;&"'{}]{1,6}(?:lon|lng|long|longitude)["']?\s?[:=]\s?["']?${LONGITUDE}`,
        'i',
      ),
      score: 0.75,
    },
    {
      name: 'map-link',
      regex: new RegExp(
        String.raw`(?:[?&@/](?:q=|ll=|loc:|center=|query=)?)(?<value>${LATITUDE}(?:,|%2C)${LONGITUDE})`,
        'i',
      ),
      score: 0.6,
    },
  ],
  context: [
    'gps',
    'latitude',
    'longitude',
    'lat',
    'lon',
    'lng',
    'coordinate',
    'coordinates',
    'geolocation',
    'location',
    'koordinaten',
    'standort',
    'coordonnées',
    'coordenadas',
    'ubicación',
    'coordinate geografiche',
    'posizione',
    '坐标',
    '经纬度',
    '座標',
  ],
  contextReach: { before: 48, after: 24 },
});
