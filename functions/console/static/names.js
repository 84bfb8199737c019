// What the hub's configuration describes has its names from the hub: partners, types of events, and operations.

/** @typedef {{zh?: string, en?: string}} Name */

/** By `partner.<id>`, `type.<type>` and `operation.<connection>/<name>`. @type {Map<string, Name>} */
const known = new Map();

/** Connections at partners that the configuration describes. @type {Set<string>} */
const described = new Set();

/** Takes the names of `GET /connections`. @param {any[]} connections */
export function learn(connections) {
  for (const { id, partner, names } of connections) {
    if (!names) continue;
    described.add(id);
    known.set(`partner.${partner}`, names.partner);
    for (const [name, own] of Object.entries(names.operations)) {
      known.set(`operation.${id}/${name}`, own);
      known.set(`type.${partner}.${name}`, own);
    }
    for (const [type, own] of Object.entries(names.types)) known.set(`type.${type}`, own);
  }
}

/** The name that the hub gives, such as `type.acme.status`. @param {string} what @param {'zh' | 'en'} language @returns {string} */
export function given(what, language) {
  const name = known.get(what) || {};
  return name[language] || '';
}

/** Whether the configuration describes the connection's partner. @param {string} connection */
export function isDescribed(connection) {
  return described.has(connection);
}
