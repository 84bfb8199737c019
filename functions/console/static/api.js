// The hub's public API: each request of the console goes through here.
import { change, session } from './session.js';

/** The hub's own base: a stage or a proxy's path may stand before `/console`. */
export const BASE = location.pathname.replace(/\/console(\/.*)?$/, '');

/** An answer that is a problem, or none. */
export class Trouble extends Error {
  /** @param {number} status @param {any} problem */
  constructor(status, problem) {
    super(problem.detail || problem.title || String(status));
    this.status = status;
    this.problem = problem;
  }
}

/**
 * Sends a request; an answer that is a problem is thrown.
 * @param {string} method @param {string} path @param {{body?: any, headers?: Record<string, string>, signal?: AbortSignal}} [more]
 * @returns {Promise<Response>}
 */
async function sent(method, path, more = {}) {
  const { key, language } = session();
  /** @type {Record<string, string>} */
  const headers = { 'Accept-Language': language, ...more.headers };
  if (key) headers.Authorization = `Bearer ${key}`;
  let body;
  if (more.body !== undefined) {
    headers['Content-Type'] = 'application/json';
    body = typeof more.body === 'string' ? more.body : JSON.stringify(more.body);
  }
  /** @type {Response} */
  let response;
  try {
    response = await fetch(BASE + path, { method, headers, body, signal: more.signal, cache: 'no-store', credentials: 'omit' });
  } catch (error) {
    if (more.signal && more.signal.aborted) throw error;
    throw new Trouble(0, {});
  }
  if (response.ok || response.status === 304) return response;
  const text = await response.text();
  if (response.status === 401 && key && session().key === key) change({ key: null, me: null });
  throw new Trouble(response.status, problemOf(text));
}

/**
 * Sends a request and reads its answer.
 * @param {string} method @param {string} path @param {{body?: any, headers?: Record<string, string>, signal?: AbortSignal}} [more]
 * @returns {Promise<{status: number, text: string, etag: string | null, location: string | null}>}
 */
export async function send(method, path, more = {}) {
  const response = await sent(method, path, more);
  const text = await response.text();
  return { status: response.status, text, etag: response.headers.get('ETag'), location: response.headers.get('Location') };
}

/**
 * Reads an answer that is a file, with the query of the one that follows it.
 * @param {string} path @returns {Promise<{file: Blob, name: string, next: string | null}>}
 */
export async function download(path) {
  const response = await sent('GET', path);
  const name = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') || '');
  const next = /<([^>]+)>; rel="next"/.exec(response.headers.get('Link') || '');
  return { file: await response.blob(), name: (name && name[1]) || 'file', next: (next && next[1]) || null };
}

/** Has the browser save what is at an address. @param {string} href @param {string} name */
function saveFrom(href, name) {
  const link = document.createElement('a');
  Object.assign(link, { href, download: name, rel: 'noopener noreferrer' });
  document.body.append(link);
  link.click();
  link.remove();
}

/** Has the browser save bytes, and open them by no type. @param {Blob} content @param {string} name */
export function saveBytes(content, name) {
  const address = URL.createObjectURL(new Blob([content], { type: 'application/octet-stream' }));
  saveFrom(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/**
 * Saves a kept file. The key is in this tab alone, so that a link would not do. Where the hub has the content elsewhere it tells the
 * address, which the browser follows to an attachment.
 * @param {string} hash @param {string} name
 */
export async function saveFile(hash, name) {
  const response = await sent('GET', `/files/${segment(hash)}`, { headers: { Accept: 'application/json, */*' } });
  const isAddress = (response.headers.get('Content-Type') || '').startsWith('application/json');
  if (isAddress) saveFrom((await response.json()).location, name);
  else saveBytes(await response.blob(), name);
}

/** @param {string} text */
function problemOf(text) {
  try {
    const problem = JSON.parse(text);
    return problem && typeof problem === 'object' ? problem : {};
  } catch {
    return {};
  }
}

/** @param {string} path @returns {Promise<any>} */
export async function get(path) {
  return JSON.parse((await send('GET', path)).text);
}

/** @param {string} path @param {any} [body] @param {Record<string, string>} [headers] @returns {Promise<any>} */
export async function post(path, body, headers) {
  const { text } = await send('POST', path, { body, headers });
  return text === '' ? null : JSON.parse(text);
}

/** A number whose digits a JavaScript number cannot hold. */
export class Exact {
  /** @param {string} source */
  constructor(source) {
    this.source = source;
  }
  toJSON() {
    const raw = /** @type {any} */ (JSON).rawJSON;
    return raw ? raw(this.source) : Number(this.source);
  }
}

/** Reads JSON that holds a payload, without changing a number's digits where the browser tells them. @param {string} text @returns {any} */
export function parse(text) {
  /** @type {any} */
  const exact = (/** @type {string} */ _, /** @type {any} */ value, /** @type {any} */ context) =>
    typeof value === 'number' && context && context.source && String(value) !== context.source ? new Exact(context.source) : value;
  return text === '' ? null : JSON.parse(text, exact);
}

/** A path with a query of the values that are there. @param {string} path @param {Record<string, any>} query */
export function withQuery(path, query) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') params.set(name, String(value));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

/** @param {string} text */
export function segment(text) {
  return encodeURIComponent(text);
}
