// The frame of the console: who is signed in, where one is, and the page for it.
import { html, render, useEffect, useErrorBoundary, useRef, useState } from './vendor/htm-preact.js';
import { get } from './api.js';
import { forget, useLive } from './live.js';
import { go, href, place, shipmentHref, usePlace } from './router.js';
import { change, dress, onSession, session } from './session.js';
import { learn } from './names.js';
import { named, number, t } from './text.js';
import { Button, Empty, Failure } from './parts/basic.js';
import { Icon } from './parts/icons.js';
import { Keys } from './parts/keys.js';
import { AuditPage } from './pages/audit.js';
import { CallPage } from './pages/call.js';
import { CallsPage } from './pages/calls.js';
import { ConfigurationPage } from './pages/configuration.js';
import { DeliveriesPage } from './pages/deliveries.js';
import { EventPage } from './pages/event.js';
import { LedgerPage } from './pages/ledger.js';
import { NewCallPage } from './pages/new_call.js';
import { PartnersPage } from './pages/partners.js';
import { ShipmentPage } from './pages/shipment.js';
import { ShipmentsPage } from './pages/shipments.js';
import { SignIn } from './pages/sign_in.js';
import { TodayPage } from './pages/today.js';

const PAGES = ['today', 'shipments', 'deliveries', 'calls', 'partners', 'ledger', 'audit', 'configuration'];

function useSession() {
  const [, draw] = useState(0);
  useEffect(() => onSession(() => draw((n) => n + 1)), []);
  return session();
}

function Console() {
  const { key, me } = useSession();
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (!key || me) return;
    setTrouble(null);
    get('/me').then((me) => change({ me }), (trouble) => trouble.status === 401 || setTrouble(trouble));
  }, [key, me, tries]);
  useEffect(() => {
    if (!key) forget();
  }, [key]);
  if (!key) return html`<${SignIn} />`;
  if (!me) return html`<div class="boot">${trouble ? html`<${Failure} trouble=${trouble} retry=${() => setTries(tries + 1)} />` : html`<p role="status">${t('loading')}</p>`}</div>`;
  return html`<${Frame} />`;
}

function Frame() {
  const { parts } = usePlace();
  useEffect(() => {
    // Without them the ids are shown.
    get('/connections').then(({ connections }) => {
      learn(connections);
      change({});
    }, () => {});
  }, []);
  const page = parts[0] === 'events' ? 'shipments' : parts[0] || 'today';
  const [menu, setMenu] = useState(false);
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const where = parts.join('/');
  useEffect(() => {
    setMenu(false);
    document.title = `${PAGES.includes(page) ? named('nav', page) : ''} · 通关 Tongguan`;
    window.scrollTo(0, 0);
    const head = main.current && main.current.querySelector('h1');
    if (head instanceof HTMLElement && document.activeElement === document.body) head.focus({ preventScroll: true });
  }, [where]);
  return html`<a class="skip" href="#main" onClick=${(/** @type {Event} */ event) => {
      event.preventDefault();
      if (main.current) main.current.focus();
    }}>${t('skip')}</a>
    <${Bar} menu=${menu} setMenu=${setMenu} />
    <${Nav} page=${page} open=${menu} />
    <main id="main" ref=${main} tabindex="-1"><${Guarded} key=${where} parts=${parts} /></main><${Keys} />`;
}

/** @param {{menu: boolean, setMenu: (open: boolean) => void}} props */
function Bar({ menu, setMenu }) {
  const { language, theme, me } = session();
  const next = theme === 'auto' ? 'light' : theme === 'light' ? 'dark' : 'auto';
  const icon = { auto: 'auto', light: 'sun', dark: 'moon' }[theme];
  const search = (/** @type {any} */ event) => {
    event.preventDefault();
    const box = event.target.elements.search;
    const value = box.value.trim();
    if (value) go(shipmentHref(value));
    box.blur();
  };
  return html`<header class="bar"><button type="button" class="button quiet menu" aria-expanded=${menu} aria-label=${t('menu')} onClick=${() => setMenu(!menu)}><${Icon} name="menu" /></button>
    <a class="brand" href="#/today" aria-label="通关 Tongguan"><img src="console/icon.svg" alt="" width="24" height="24" /><b>通关</b><span>Tongguan</span></a>
    <form class="search" role="search" onSubmit=${search}><${Icon} name="search" /><input id="search" name="search" type="search" placeholder=${t('search')} aria-label=${t('search')} autocomplete="off" spellcheck="false" enterkeyhint="search" /><kbd aria-hidden="true">/</kbd></form>
    <div class="me"><${Button} kind="quiet" name="language" label=${t('language')} onClick=${() => change({ language: language === 'zh' ? 'en' : 'zh' })}>${language === 'zh' ? 'EN' : '中'}</${Button}>
      <${Button} kind="quiet" name="theme" icon=${icon} label=${`${t('theme')}: ${named('theme', theme)}`} onClick=${() => change({ theme: next })} />
      ${me ? html`<span class="who" title=${me.connections ? me.connections.join(', ') : ''}><b>${me.id}</b><small>${named('role', me.role)}</small></span>` : ''}
      <${Button} kind="quiet" name="sign-out" icon="exit" label=${t('sign_out')} onClick=${() => change({ key: null, me: null })} /></div></header>`;
}

/** @param {{page: string, open: boolean}} props */
function Nav({ page, open }) {
  const endpoints = useLive('/endpoints', 15_000);
  const unsure = useLive('/calls?state=ambiguous&limit=5', 15_000);
  const failed = ((endpoints.data && endpoints.data.endpoints) || []).reduce((/** @type {number} */ all, /** @type {any} */ one) => all + (one.failed || 0), 0);
  const ambiguous = ((unsure.data && unsure.data.items) || []).length;
  /** @type {Record<string, string>} */
  const counts = { deliveries: failed ? number(failed) : '', calls: ambiguous ? `${ambiguous}${unsure.data.next ? '+' : ''}` : '' };
  return html`<nav class=${`side ${open ? 'open' : ''}`} aria-label=${t('nav')}><ul class="plain">${PAGES.map((one) => html`<li key=${one}><a href=${href([one])} aria-current=${one === page ? 'page' : undefined}>
    <${Icon} name=${one} /><span>${named('nav', one)}</span>${counts[one] ? html`<span class="count bad" title=${named('nav.count', one)}>${counts[one]}</span>` : ''}</a></li>`)}</ul>
    <p class="hint"><kbd>?</kbd> ${t('keys.title')}</p></nav>`;
}

/** A page, or what is told where it broke. @param {{parts: string[]}} props */
function Guarded({ parts }) {
  const [error, reset] = useErrorBoundary((error) => console.error(error));
  return html`<div class="page">${error
    ? html`<${Empty} icon="alert" title=${t('broken')}><${Button} icon="replay" onClick=${reset}>${t('again')}</${Button}></${Empty}>` : pageOf(parts)}</div>`;
}

/** @param {string[]} parts */
function pageOf(parts) {
  const [page = 'today', one, ...rest] = parts;
  if (page === 'today') return html`<${TodayPage} />`;
  if (page === 'shipments') return one ? html`<${ShipmentPage} shipmentKey=${one} />` : html`<${ShipmentsPage} />`;
  if (page === 'events' && rest.length === 2) return html`<${EventPage} parts=${[one, ...rest]} />`;
  if (page === 'deliveries') return html`<${DeliveriesPage} />`;
  if (page === 'calls') return one === 'new' ? html`<${NewCallPage} />` : one ? html`<${CallPage} id=${one} />` : html`<${CallsPage} />`;
  if (page === 'partners') return html`<${PartnersPage} />`;
  if (page === 'ledger') return html`<${LedgerPage} />`;
  if (page === 'audit') return html`<${AuditPage} />`;
  if (page === 'configuration') return html`<${ConfigurationPage} />`;
  return html`<${Empty} icon="search" title=${t('no_page')}><a href="#/today">${named('nav', 'today')}</a></${Empty}>`;
}

dress();
if (place().parts.length === 0) history.replaceState(null, '', '#/today');
const app = document.getElementById('app');
if (app) {
  app.replaceChildren();
  render(html`<${Console} />`, app);
}
