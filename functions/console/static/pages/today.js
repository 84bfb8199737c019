// Today: first what needs somebody now, each a click from its remedy; then how the last day went.
import { html } from '../vendor/htm-preact.js';
import { withQuery } from '../api.js';
import { useLive } from '../live.js';
import { callHref, eventHref, href, shipmentHref } from '../router.js';
import { named, number, operationName, t } from '../text.js';
import { BusinessKey, Failure, Head, LinkButton, State, Time, Type, Waiting } from '../parts/basic.js';
import { Icon } from '../parts/icons.js';
import { Plot } from '../parts/plot.js';

const STEP = 600_000;

/** The start of the last day, at a whole step, so that the same path is asked for ten minutes. */
function dayAgo() {
  return new Date(Math.ceil((Date.now() - 86_400_000) / STEP) * STEP).toISOString();
}

/** @param {any[] | undefined} lists */
const sum = (lists) => (lists || []).reduce((all, one) => all + (one || 0), 0);

export function TodayPage() {
  const endpoints = useLive('/endpoints');
  const connections = useLive('/connections');
  const failed = useLive('/deliveries?state=failed&limit=5');
  const unsure = useLive('/calls?state=ambiguous&limit=5');
  const quiet = useLive('/shipments?state=quiet&limit=5', 15_000);
  const stats = useLive(withQuery('/stats', { since: dayAgo() }), 30_000);
  const all = [endpoints, connections, failed, unsure, quiet, stats];
  const trouble = all.find((one) => one.trouble);
  const asked = all.slice(0, 5).every((one) => one.asked);
  const cards = asked ? attention({ endpoints, connections, failed, unsure, quiet, stats }) : [];
  return html`<${Head} title=${t('nav.today')} note=${asked && !trouble ? html`<span role="status">${cards.length === 0 ? t('today.calm') : t('today.some', { n: cards.length })}</span>` : ''} />
    ${trouble ? html`<${Failure} trouble=${trouble.trouble} retry=${trouble.refresh} stale=${trouble.data !== undefined} />` : ''}
    ${!asked ? html`<${Waiting} rows=${3} />` : cards.length === 0 && !trouble ? html`<div class="calm"><${Icon} name="check" /><div><p class="title">${t('today.calm')}</p><p>${t('today.calm.more')}</p></div></div>` : html`<div class="needs">${cards}</div>`}
    <h2 class="part">${t('today.day')}</h2>
    ${stats.data ? html`<${Plots} stats=${stats.data} />` : stats.trouble ? '' : html`<${Waiting} rows=${4} />`}`;
}

/** @param {{icon: string, tone: string, count: string, title: string, to: string, action: string, children?: any, name: string}} props */
function Need({ icon, tone, count, title, to, action, children, name }) {
  return html`<section class=${`need ${tone}`} data-need=${name}><header><${Icon} name=${icon} /><h2><a href=${to}><b class="num">${count}</b> ${title}</a></h2><${LinkButton} href=${to} icon="arrow">${action}</${LinkButton}></header>
    <ul class="plain lines">${children}</ul></section>`;
}

/** @param {Record<string, any>} views */
function attention({ endpoints, connections, failed, unsure, quiet, stats }) {
  const cards = [];
  const broken = [
    ...((endpoints.data && endpoints.data.endpoints) || []).map((/** @type {any} */ one) => ({ ...one, where: t('endpoint') })),
    ...((connections.data && connections.data.connections) || []).map((/** @type {any} */ one) => ({ ...one, where: t('connection') })),
  ].flatMap((one) => (one.circuits || []).filter((/** @type {any} */ circuit) => circuit.state !== 'closed').map((/** @type {any} */ circuit) => ({ one, circuit })));
  const lost = ((endpoints.data && endpoints.data.endpoints) || []).reduce((/** @type {number} */ all, /** @type {any} */ one) => all + (one.failed || 0), 0);
  const deliveries = (failed.data && failed.data.deliveries) || [];
  if (deliveries.length > 0) {
    cards.push(html`<${Need} key="failed" name="failed" icon="cross" tone="bad" count=${number(Math.max(lost, deliveries.length))} title=${t('today.failed')} to=${href(['deliveries'])} action=${t('today.failed.do')}>
      ${deliveries.slice(0, 3).map((/** @type {any} */ one) => html`<li key=${one.event.id + one.endpoint}><${BusinessKey} value=${one.event.subject} href=${eventHref(one.event)} /> <${Type} type=${one.event.type} />
        <span class="reason">${one.last && one.last.status ? `HTTP ${one.last.status} ` : ''}${(one.last && one.last.reason) || ''}</span> <${Time} at=${one.since || one.event.received} /></li>`)}</${Need}>`);
  }
  if (broken.length > 0) {
    cards.push(html`<${Need} key="circuit" name="circuit" icon="broken" tone="bad" count=${number(broken.length)} title=${t('today.circuits')} to=${href(['partners'])} action=${t('today.circuits.do')}>
      ${broken.slice(0, 3).map(({ one, circuit }) => html`<li key=${one.id + circuit.kind}><b>${one.id}</b> <span class="faint">${one.where}</span> <${State} value=${circuit.state} text=${named('circuit', circuit.state)} /> ${told(one.id, circuit.kind || '')}
        ${circuit.until ? html`<span class="faint">${t('circuit.until')} <${Time} at=${circuit.until} /></span>` : ''}</li>`)}</${Need}>`);
  }
  const calls = (unsure.data && unsure.data.items) || [];
  if (calls.length > 0) {
    cards.push(html`<${Need} key="calls" name="ambiguous" icon="question" tone="warn" count=${`${calls.length}${unsure.data.next ? '+' : ''}`} title=${t('today.ambiguous')} to=${href(['calls'], { state: 'ambiguous' })} action=${t('today.ambiguous.do')}>
      ${calls.slice(0, 3).map((/** @type {any} */ one) => html`<li key=${one.id}><${BusinessKey} value=${one.subject} href=${callHref(one.id)} /> ${operationName(one.connection, one.operation)} <span class="faint">${one.connection}</span> <${Time} at=${one.accepted} /></li>`)}</${Need}>`);
  }
  const silent = (quiet.data && quiet.data.items) || [];
  if (silent.length > 0) {
    cards.push(html`<${Need} key="quiet" name="quiet" icon="quiet" tone="warn" count=${`${silent.length}${quiet.data.next ? '+' : ''}`} title=${t('today.quiet')} to=${href(['shipments'], { state: 'quiet' })} action=${t('today.quiet.do')}>
      ${silent.slice(0, 3).map((/** @type {any} */ one) => html`<li key=${one.connection + one.key}><${BusinessKey} value=${one.key} href=${shipmentHref(one.key)} /> <span class="faint">${one.connection}</span> ${t('today.quiet.since')} <${Time} at=${one.since} /></li>`)}</${Need}>`);
  }
  const refusals = Object.entries((stats.data && stats.data.connections) || {}).map(([id, one]) => ({ id, ...counted(/** @type {any} */ (one)) })).filter((one) => one.refused + one.late + one.lost > 0);
  if (refusals.length > 0) {
    const total = refusals.reduce((all, one) => all + one.refused + one.late + one.lost, 0);
    cards.push(html`<${Need} key="refused" name="refused" icon="alert" tone="warn" count=${number(total)} title=${t('today.refused')} to=${href(['partners'])} action=${t('today.refused.do')}>
      ${refusals.slice(0, 3).map((one) => html`<li key=${one.id}><b>${one.id}</b> ${[['refused', one.refused], ['late', one.late], ['not_kept', one.lost]].filter(([, n]) => n).map(([name, n]) => html`<span key=${name}>${named('push', String(name))} <b class="num">${number(Number(n))}</b> </span>`)}</li>`)}</${Need}>`);
  }
  return cards;
}

/** A type, or an operation of a connection, in words. @param {string} id @param {string} kind */
function told(id, kind) {
  const type = named('type', kind);
  return type === kind ? operationName(id, kind) : type;
}

/** @param {any} one */
function counted(one) {
  const pushes = one.pushes || {};
  return { refused: sum(pushes.refused), late: sum(pushes.late), lost: sum(pushes.not_kept) };
}

/** Adds lists of numbers step by step. @param {(number[] | undefined)[]} lists @param {number} steps */
function added(lists, steps) {
  return Array.from({ length: steps }, (_, at) => lists.reduce((all, list) => all + ((list && list[at]) || 0), 0));
}

/** @param {{stats: any}} props */
function Plots({ stats }) {
  const connections = Object.entries(stats.connections || {}).map(([id, one]) => ({ id, .../** @type {any} */ (one) }));
  const endpoints = Object.entries(stats.endpoints || {}).map(([id, one]) => ({ id, .../** @type {any} */ (one) }));
  const start = Math.floor(Date.parse(stats.since) / 1000);
  const steps = Math.max(1, Math.round((Date.parse(stats.until) - Date.parse(stats.since)) / 1000 / stats.step_seconds));
  const times = Array.from({ length: steps }, (_, at) => start + at * stats.step_seconds);
  const partners = [...new Set(connections.map((one) => one.partner))];
  const tones = ['plot-1', 'plot-2', 'plot-3', 'plot-4', 'plot-5'];
  const of = (/** @type {string} */ partner, /** @type {string} */ name) => added(connections.filter((one) => one.partner === partner).map((one) => one.pushes && one.pushes[name]), steps);
  const outcomes = ['accepted', 'duplicate', 'refused', 'late', 'not_kept'];
  const byOutcome = outcomes.map((name, at) => ({ name: named('push', name), values: added(connections.map((one) => one.pushes && one.pushes[name]), steps), tone: ['plot-1', 'plot-4', 'plot-3', 'plot-2', 'plot-5'][at] || 'plot-1', dash: at > 2 }));
  const margins = connections.filter((one) => one.margin_ms && (one.margin_ms.p1 || []).some((/** @type {any} */ n) => n !== null)).map((one, at) => ({ name: one.id, values: one.margin_ms.p1, tone: tones[at % 5] || 'plot-1', dash: at > 4 }));
  const delays = endpoints.flatMap((one, at) => ['p50', 'p95'].map((name, n) => ({ name: `${one.id} ${name}`, values: (one.delay_ms || {})[name] || [], tone: tones[at % 5] || 'plot-1', dash: n > 0 }))).slice(0, 6);
  const calls = ['succeeded', 'failed', 'ambiguous'].map((name, at) => ({ name: named('state', name), values: added(connections.map((one) => one.calls && one.calls[name]), steps), tone: ['plot-1', 'plot-3', 'plot-2'][at] || 'plot-1', dash: at > 1 }));
  return html`<div class="plots">
    <${Plot} title=${t('plot.pushes')} unit="" total bars times=${times} lines=${partners.filter((partner) => sum(of(partner, 'accepted')) + sum(of(partner, 'refused')) > 0 || partners.length < 3).map((partner, at) => ({ name: named('partner', partner), values: of(partner, 'accepted'), tone: tones[at % 5] || 'plot-1' }))} />
    <${Plot} title=${t('plot.outcomes')} unit="" total times=${times} lines=${byOutcome} />
    ${margins.length > 0 ? html`<${Plot} title=${t('plot.margin')} unit="ms" times=${times} lines=${margins} />` : ''}
    ${delays.length > 0 ? html`<${Plot} title=${t('plot.delay')} unit="ms" times=${times} lines=${delays} />` : ''}
    <${Plot} title=${t('plot.calls')} unit="" total times=${times} lines=${calls} /></div>`;
}
