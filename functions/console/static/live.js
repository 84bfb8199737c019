// Answers that stay fresh: each path is asked again while a part of the page shows it and the tab is seen.
import { useEffect, useState } from './vendor/htm-preact.js';
import { get, parse, send } from './api.js';
import { session } from './session.js';

/** @typedef {{data: any, trouble: any, asked: boolean, at: number}} View */

/** Longest pause after failures, in milliseconds. */
const LONGEST = 60_000;

class Poller {
  /** @param {string} path @param {number} every @param {boolean} exact */
  constructor(path, every, exact) {
    this.path = path;
    this.every = every;
    this.exact = exact;
    this.pause = every;
    /** @type {Set<() => void>} */
    this.readers = new Set();
    /** @type {View} */
    this.view = { data: undefined, trouble: null, asked: false, at: 0 };
    this.text = '';
    /** @type {string | null} */
    this.etag = null;
    this.timer = 0;
    this.busy = false;
  }

  /** @param {() => void} reader */
  add(reader) {
    this.readers.add(reader);
    if (this.readers.size === 1 && !this.busy) void this.ask();
  }

  /** @param {() => void} reader */
  remove(reader) {
    this.readers.delete(reader);
    if (this.readers.size === 0) clearTimeout(this.timer);
  }

  async ask() {
    clearTimeout(this.timer);
    if (this.busy) return;
    if (document.hidden && this.view.asked) return;
    this.busy = true;
    const key = session().key;
    try {
      const headers = this.etag ? { 'If-None-Match': this.etag } : undefined;
      const answer = await send('GET', this.path, { headers });
      if (session().key !== key) return;
      const data = answer.status === 304 || answer.text === this.text ? this.view.data : this.exact ? parse(answer.text) : JSON.parse(answer.text);
      if (answer.status !== 304) {
        this.text = answer.text;
        this.etag = answer.etag;
      }
      this.view = { data, trouble: null, asked: true, at: Date.now() };
      this.pause = this.every;
    } catch (trouble) {
      this.view = { ...this.view, trouble, asked: true };
      this.pause = Math.min(this.pause * 2, LONGEST);
    } finally {
      this.busy = false;
      for (const reader of this.readers) reader();
      if (this.readers.size > 0) this.timer = window.setTimeout(() => void this.ask(), this.pause);
    }
  }
}

/** @type {Map<string, Poller>} */
const pollers = new Map();

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) refresh();
});

/** Asks again now, for all that is shown. */
export function refresh() {
  for (const poller of pollers.values()) {
    if (poller.readers.size > 0) void poller.ask();
  }
}

/** Forgets all answers: another key may see others. */
export function forget() {
  pollers.clear();
}

/** @param {string} path @param {number} every @param {boolean} exact */
function pollerOf(path, every, exact) {
  let poller = pollers.get(path);
  if (!poller) {
    if (pollers.size > 80) {
      for (const [old, known] of pollers) if (known.readers.size === 0) pollers.delete(old);
    }
    poller = new Poller(path, every, exact);
    pollers.set(path, poller);
  }
  return poller;
}

/**
 * The answer of a path, fresh.
 * @param {string | null} path none asks for nothing @param {number} [every] milliseconds @param {boolean} [exact] whether a payload is in it
 * @returns {View & {refresh: () => void}}
 */
export function useLive(path, every = 5_000, exact = false) {
  const [, draw] = useState(0);
  useEffect(() => {
    if (path === null) return;
    const poller = pollerOf(path, every, exact);
    const reader = () => draw((n) => n + 1);
    poller.add(reader);
    return () => poller.remove(reader);
  }, [path]);
  const poller = path === null ? null : pollers.get(path);
  const view = poller ? poller.view : { data: undefined, trouble: null, asked: false, at: 0 };
  return { ...view, refresh: () => poller && void poller.ask() };
}

/** Pages without an item that are passed over without being asked to. */
const PASSED = 6;

/**
 * A list by pages: the first stays fresh, further ones are added by `more`.
 * @param {string} path with its filters @param {(answer: any) => any[]} items @param {(item: any) => string} keyOf
 * @returns {{items: any[], asked: boolean, trouble: any, next: string | null, more: () => Promise<void>, busy: boolean, refresh: () => void, answer: any}}
 */
export function useList(path, items, keyOf) {
  const first = useLive(path);
  const [rest, setRest] = useState(/** @type {{path: string, answers: any[], busy: boolean, trouble: any}} */ ({ path, answers: [], busy: false, trouble: null }));
  const own = rest.path === path ? rest : { path, answers: [], busy: false, trouble: null };
  const answers = first.data ? [first.data, ...own.answers] : [];
  const last = answers[answers.length - 1];
  const next = last ? last.next || null : null;
  /** @type {Map<string, any>} */
  const known = new Map();
  for (const answer of answers) for (const item of items(answer)) if (!known.has(keyOf(item))) known.set(keyOf(item), item);

  const more = async () => {
    if (!next || own.busy) return;
    setRest({ ...own, busy: true, trouble: null });
    try {
      const answer = await get(`${path}${path.includes('?') ? '&' : '?'}from=${encodeURIComponent(next)}`);
      setRest({ path, answers: [...own.answers, answer], busy: false, trouble: null });
    } catch (trouble) {
      setRest({ ...own, busy: false, trouble });
    }
  };
  const passes = known.size === 0 && next !== null && own.answers.length < PASSED && !own.busy && !own.trouble;
  useEffect(() => {
    if (passes) void more();
  }, [passes, own.answers.length]);

  return {
    items: [...known.values()],
    asked: first.asked && !(passes || (known.size === 0 && own.busy)),
    trouble: first.trouble || own.trouble,
    next,
    more,
    busy: own.busy,
    refresh: first.refresh,
    answer: first.data,
  };
}

/** The time, again every ten seconds, for times that are told relative to it. */
export function useNow() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 10_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
