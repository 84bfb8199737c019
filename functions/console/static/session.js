// What this tab knows of its reader: the API key, which leaves with the tab, and the choices of language and colours.

/** @type {Set<() => void>} */
const listeners = new Set();

const KEY = 'tongguan.key';

/** @param {Storage} storage @param {string} name */
function read(storage, name) {
  try {
    return storage.getItem(name);
  } catch {
    return null;
  }
}

/** @param {Storage} storage @param {string} name @param {string | null} value */
function write(storage, name, value) {
  try {
    if (value === null) storage.removeItem(name);
    else storage.setItem(name, value);
  } catch {
    // A browser that keeps nothing for this page asks for the key again after a reload.
  }
}

/** @typedef {{id: string, role: string, connections: string[]}} Me */

/** @type {{key: string | null, me: Me | null, language: 'zh' | 'en', theme: 'auto' | 'light' | 'dark'}} */
const state = {
  key: read(sessionStorage, KEY),
  me: null,
  language: language(),
  theme: theme(),
};

/** @returns {'zh' | 'en'} */
function language() {
  const chosen = read(localStorage, 'tongguan.language');
  if (chosen === 'zh' || chosen === 'en') return chosen;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

/** @returns {'auto' | 'light' | 'dark'} */
function theme() {
  const chosen = read(localStorage, 'tongguan.theme');
  return chosen === 'light' || chosen === 'dark' ? chosen : 'auto';
}

/** The state as it is now. */
export function session() {
  return state;
}

/** Calls back after each change of the session. @param {() => void} listener @returns {() => void} ends it */
export function onSession(listener) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** @param {Partial<typeof state>} change */
export function change(change) {
  Object.assign(state, change);
  if ('key' in change) write(sessionStorage, KEY, state.key);
  if ('language' in change) write(localStorage, 'tongguan.language', state.language);
  if ('theme' in change) write(localStorage, 'tongguan.theme', state.theme === 'auto' ? null : state.theme);
  dress();
  for (const listener of listeners) listener();
}

/** Puts language and colours on the page itself. */
export function dress() {
  document.documentElement.lang = state.language === 'zh' ? 'zh-CN' : 'en';
  if (state.theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = state.theme;
}

/** Whether the key's role may do it: `operate` repairs deliveries and calls, `call` makes new calls. @param {'operate' | 'call'} what */
export function may(what) {
  const role = state.me ? state.me.role : 'viewer';
  return what === 'call' ? role === 'erp' : role === 'erp' || role === 'operator';
}
