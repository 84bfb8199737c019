// Texts in the reader's language, numbers and times as they are told.
import { given, isDescribed } from './names.js';
import { session } from './session.js';
import { TERMS } from './terms.js';
import { WORDS } from './words.js';

/** @typedef {keyof typeof WORDS} TextKey */

/** @param {string} text @param {Record<string, string | number>} values */
function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** A text, with values in its places. @param {TextKey} key @param {Record<string, string | number>} [values] */
export function t(key, values = {}) {
  return filled(WORDS[key][session().language === 'zh' ? 0 : 1], values);
}

/** The name of a thing of a kind, such as a state; its own where none is known. @param {string} kind @param {string} name */
export function named(kind, name) {
  /** @type {Record<string, readonly string[]>} */
  const terms = TERMS;
  const pair = terms[`${kind}.${name}`];
  return (pair && pair[session().language === 'zh' ? 0 : 1]) || given(`${kind}.${name}`, session().language) || name;
}

/** The name of an operation at a connection. @param {string} connection @param {string} name */
export function operationName(connection, name) {
  if (isDescribed(connection)) return given(`operation.${connection}/${name}`, session().language) || name;
  return named('operation', name);
}

function locale() {
  return session().language === 'zh' ? 'zh-CN' : 'en';
}

/** @param {number} value */
export function number(value) {
  return value.toLocaleString(locale());
}

/** A size, in the unit that tells it shortest. @param {number} bytes */
export function size(bytes) {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${number(Math.round(bytes / 100) / 10)} kB` : `${number(Math.round(bytes / 100_000) / 10)} MB`;
}

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]];

/** @param {string} at @param {number} now */
export function relative(at, now) {
  const seconds = (Date.parse(at) - now) / 1000;
  if (Number.isNaN(seconds)) return at;
  if (Math.abs(seconds) < 10) return t('now');
  if (Math.abs(seconds) > 60 * 86_400) return absolute(at).slice(0, 10);
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) || ['second', 1];
  return new Intl.RelativeTimeFormat(locale(), { numeric: 'always', style: 'short' }).format(Math.round(seconds / length), unit);
}

/** Year to second, in the zone of this machine. @param {string} at */
export function absolute(at) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
