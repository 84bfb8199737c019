// The address of what is shown: `#/page/part?filter=value`. What stands behind `#` is sent to nobody, so that no log on the way
// holds a business number.
import { useEffect, useState } from './vendor/htm-preact.js';

/** @typedef {{parts: string[], query: Record<string, string>}} Place */

/** @returns {Place} */
export function place() {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const parts = path.split('/').filter(Boolean).map(decoded);
  return { parts, query: Object.fromEntries(new URLSearchParams(query)) };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string[]} parts @param {Record<string, string | undefined | null>} [query] */
export function href(parts, query = {}) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) params.set(name, value);
  const text = params.toString();
  return `#/${parts.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

/** @param {string} address */
export function go(address) {
  location.hash = address;
}

/** Puts another query in place of this one, without a step back. @param {Record<string, string | undefined | null>} changes */
export function amend(changes) {
  const { parts, query } = place();
  history.replaceState(null, '', href(parts, { ...query, ...changes }));
  window.dispatchEvent(new HashChangeEvent('hashchange'));
}

/** @returns {Place} */
export function usePlace() {
  const [, draw] = useState(0);
  useEffect(() => {
    const moved = () => draw((n) => n + 1);
    window.addEventListener('hashchange', moved);
    return () => window.removeEventListener('hashchange', moved);
  }, []);
  return place();
}

/** The address of an event, or of the call whose end it tells. @param {{connection: string, subject: string, id: string}} event */
export function eventHref(event) {
  if (event.subject.startsWith('call:')) return callHref(event.id);
  return href(['events', event.connection, event.subject, event.id]);
}

/** @param {string} id */
export function callHref(id) {
  return href(['calls', id]);
}

/** @param {string} key */
export function shipmentHref(key) {
  return href(['shipments', key]);
}
