// The keyboard: `/` searches, `j` and `k` move, Enter opens, `?` tells.
import { html, useEffect, useState } from '../vendor/htm-preact.js';
import { go } from '../router.js';
import { t } from '../text.js';
import { Dialog } from './dialog.js';

/** @type {Record<string, string>} */
const PAGES = { t: '#/today', s: '#/shipments', d: '#/deliveries', c: '#/calls', p: '#/partners', l: '#/ledger', a: '#/audit', o: '#/configuration' };

/** @param {EventTarget | null} target */
function typing(target) {
  return target instanceof HTMLElement && (target.closest('input, textarea, select') !== null || target.isContentEditable);
}

/** @param {number} step */
function move(step) {
  const scope = document.querySelector('dialog[open]') || document.querySelector('main');
  const rows = /** @type {HTMLElement[]} */ ([...(scope ? scope.querySelectorAll('[data-row]') : [])]);
  if (rows.length === 0) return;
  const active = document.activeElement;
  const at = rows.findIndex((row) => row === active || row.contains(active));
  const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step))];
  if (next) {
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: 'nearest' });
  }
}

export function Keys() {
  const [help, setHelp] = useState(false);
  useEffect(() => {
    let before = '';
    const pressed = (/** @type {KeyboardEvent} */ event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      const { target, key } = event;
      if (typing(target)) {
        if (key === 'Escape') /** @type {HTMLElement} */ (target).blur();
        return;
      }
      const opened = document.querySelector('dialog[open]');
      const went = before === 'g' && PAGES[key];
      before = key;
      if (key === 'j') move(1);
      else if (key === 'k') move(-1);
      else if (key === 'Enter' && target instanceof HTMLElement && target.matches('[data-row]')) {
        const link = /** @type {HTMLElement | null} */ (target.querySelector('[data-open]'));
        if (link) link.click();
      } else if (key === 'x' && target instanceof HTMLElement && target.matches('[data-row]')) {
        const box = /** @type {HTMLElement | null} */ (target.querySelector('.pick input'));
        if (box) box.click();
      } else if (opened) return;
      else if (key === '?') setHelp(true);
      else if (key === '/') {
        const box = /** @type {HTMLInputElement | null} */ (document.querySelector('#search'));
        if (box) box.focus();
      } else if (went) go(went);
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, []);
  if (!help) return '';
  /** @type {[string[], string][]} */
  const rows = [
    [['/'], t('keys.search')], [['j'], t('keys.down')], [['k'], t('keys.up')], [['Enter'], t('keys.open')], [['x'], t('keys.pick')], [['Esc'], t('keys.close')], [['?'], t('keys.help')],
    [['g', 't'], t('nav.today')], [['g', 's'], t('nav.shipments')], [['g', 'd'], t('nav.deliveries')], [['g', 'c'], t('nav.calls')],
    [['g', 'p'], t('nav.partners')], [['g', 'l'], t('nav.ledger')], [['g', 'a'], t('nav.audit')], [['g', 'o'], t('nav.configuration')],
  ];
  return html`<${Dialog} title=${t('keys.title')} close=${() => setHelp(false)}>
    <table class="keys">${rows.map(([keys, text]) => html`<tr key=${keys.join('')}><td>${keys.map((key) => html`<kbd key=${key}>${key}</kbd> `)}</td><td>${text}</td></tr>`)}</table></${Dialog}>`;
}
