// The smallest parts: times, ids, states, buttons, and what stands in place of a list.
import { html, useState } from '../vendor/htm-preact.js';
import { useNow } from '../live.js';
import { absolute, named, number, relative, t } from '../text.js';
import { Icon } from './icons.js';

/** A time: relative to now, with the absolute one behind it. @param {{at: string | undefined | null}} props */
export function Time({ at }) {
  const now = useNow();
  if (!at) return html`<span class="faint">–</span>`;
  return html`<time datetime=${at} title=${absolute(at)}>${relative(at, now)}</time>`;
}

/** @param {{value: string, what?: string}} props */
export function Copy({ value, what }) {
  const [done, setDone] = useState(false);
  const copy = async (/** @type {Event} */ event) => {
    event.preventDefault();
    event.stopPropagation();
    await copied(value);
    setDone(true);
    setTimeout(() => setDone(false), 1_500);
  };
  const label = done ? t('copied') : t('copy.what', { what: what || value });
  return html`<button type="button" class="copy" onClick=${copy} aria-label=${label} title=${label}>
    <${Icon} name=${done ? 'check' : 'copy'} /></button>`;
}

/** @param {string} text */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // The clipboard is for pages with TLS; a hub within a company's network may have none.
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'sr';
    (document.querySelector('dialog[open]') || document.body).append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

/** An id, shortened, with its whole on hover and by copying. @param {{value: string}} props */
export function Id({ value }) {
  const short = value.length > 12 ? `${value.slice(0, 8)}…` : value;
  return html`<span class="id"><code title=${value}>${short}</code><${Copy} value=${value} /></span>`;
}

/** A business key: its kind in words, its value to copy. @param {{value: string, href?: string}} props */
export function BusinessKey({ value, href }) {
  const at = value.indexOf(':');
  const kind = at > 0 ? value.slice(0, at) : '';
  const whole = at > 0 ? value.slice(at + 1) : value;
  const rest = kind === 'call' ? `${whole.slice(0, 8)}…` : whole;
  const inner = html`<span class="kind">${kind ? named('key', kind) : ''}</span><span class="value">${rest}</span>`;
  return href
    ? html`<a class="key" href=${href} title=${value}>${inner}</a>`
    : html`<span class="key" title=${value}>${inner}<${Copy} value=${whole} /></span>`;
}

/** @type {Record<string, [string, string]>} */
const LOOKS = {
  pending: ['clock', 'wait'], queued: ['clock', 'wait'], delivered: ['check', 'good'], succeeded: ['check', 'good'],
  failed: ['cross', 'bad'], confirmed: ['seen', 'calm'], cancelled: ['minus', 'calm'], ambiguous: ['question', 'warn'],
  unrouted: ['minus', 'calm'], open: ['broken', 'bad'], half: ['clock', 'warn'], closed: ['check', 'good'],
  refused: ['cross', 'bad'], good: ['check', 'good'], bad: ['cross', 'bad'], quiet: ['quiet', 'warn'], malformed: ['alert', 'bad'],
  kept: ['check', 'good'], waiting: ['clock', 'wait'], expired: ['broken', 'bad'], unreachable: ['broken', 'bad'], not_a_file: ['alert', 'bad'],
  too_large: ['cross', 'bad'],
};

/** A state, told by icon, word and colour. @param {{value: string, text?: string}} props */
export function State({ value, text }) {
  const [icon, tone] = LOOKS[value] || ['minus', 'calm'];
  return html`<span class=${`state ${tone}`}><${Icon} name=${icon} />${text || named('state', value)}</span>`;
}

/** @param {{type: string}} props */
export function Type({ type }) {
  const own = named('type', type);
  const name = own === type ? named('operation', type.slice(type.indexOf('.') + 1)) : own;
  return html`<span class="type"><span>${name}</span>${name === type ? '' : html` <code>${type}</code>`}</span>`;
}

/** @param {{name: string | null | undefined}} props */
export function Milestone({ name }) {
  return name ? html`<span class="milestone">${named('milestone', name)}</span>` : '';
}

/** @param {{value: number | null | undefined}} props */
export function Num({ value }) {
  return html`<span class="num">${value === null || value === undefined ? '–' : number(value)}</span>`;
}

/**
 * @param {{onClick?: (event: any) => any, kind?: 'main' | 'danger' | 'plain' | 'quiet', icon?: string, children?: any, disabled?: boolean,
 *   label?: string, type?: string, busy?: boolean, name?: string}} props
 */
export function Button({ onClick, kind = 'plain', icon, children, disabled, label, type = 'button', busy, name }) {
  return html`<button type=${type} class=${`button ${kind}`} onClick=${onClick} disabled=${disabled || busy} aria-label=${label}
    title=${label} aria-busy=${busy ? 'true' : undefined} data-do=${name}>
    ${busy ? html`<span class="spin" aria-hidden="true"></span>` : icon ? html`<${Icon} name=${icon} />` : ''}${children}</button>`;
}

/** A link with the looks of a button. @param {{href: string, icon?: string, children?: any, kind?: string, name?: string}} props */
export function LinkButton({ href, icon, children, kind = 'plain', name }) {
  return html`<a class=${`button ${kind}`} href=${href} data-do=${name}>${icon ? html`<${Icon} name=${icon} />` : ''}${children}</a>`;
}

/** Where there is nothing. @param {{icon?: string, title: string, children?: any}} props */
export function Empty({ icon = 'check', title, children }) {
  return html`<div class="empty"><${Icon} name=${icon} /><p class="title">${title}</p>${children ? html`<p>${children}</p>` : ''}</div>`;
}

/** Lines in the place of those that are being read. @param {{rows?: number}} props */
export function Waiting({ rows = 6 }) {
  return html`<div class="waiting" role="status" aria-label=${t('loading')}>
    ${Array.from({ length: rows }, (_, n) => html`<div class="bone" key=${n}></div>`)}</div>`;
}

/** A failure of a request, with the cause and what to do. @param {{trouble: any, retry?: () => void, stale?: boolean}} props */
export function Failure({ trouble, retry, stale }) {
  const problem = (trouble && trouble.problem) || {};
  const status = trouble ? trouble.status : 0;
  const title = status === 0 ? t('trouble.unreachable') : status === 404 ? t('trouble.missing') : status === 403 ? t('trouble.forbidden')
    : status >= 500 ? t('trouble.hub') : t('trouble.refused');
  const kind = problem.type ? String(problem.type).split(':').pop() : '';
  return html`<div class="failure" role="alert"><${Icon} name="alert" /><div>
    <p class="title">${title}${status ? html` <span class="faint">${status} ${kind}</span>` : ''}</p>
    ${problem.detail ? html`<p>${problem.field ? html`<code>${problem.field}</code> ` : ''}${problem.detail}</p>` : ''}
    ${problem.text ? html`<p>${problem.code ? html`<code>${problem.code}</code> ` : ''}${problem.text}</p>` : ''}
    ${(problem.errors || []).map((/** @type {any} */ error) => html`<p key=${error.field}><code>${error.field}</code> ${error.remedy}</p>`)}
    ${stale ? html`<p class="faint">${t('trouble.stale')}</p>` : ''}
    ${retry ? html`<p><${Button} onClick=${retry} icon="replay">${t('again')}</${Button}></p>` : ''}</div></div>`;
}

/** A list or another view of an answer: waiting, failed, or there. @param {{view: any, rows?: number, children: any}} props */
export function Viewed({ view, rows, children }) {
  if (view.answer === undefined && view.data === undefined) {
    return html`<div class="viewed">${view.trouble ? html`<${Failure} trouble=${view.trouble} retry=${view.refresh} />` : html`<${Waiting} rows=${rows} />`}</div>`;
  }
  return html`<div class="viewed">${view.trouble ? html`<${Failure} trouble=${view.trouble} retry=${view.refresh} stale />` : ''}<div class="viewed">${children()}</div></div>`;
}

/** @param {{title: string, children?: any, note?: any, level?: number}} props */
export function Head({ title, children, note }) {
  return html`<header class="head"><div><h1 tabindex="-1">${title}</h1>${note ? html`<p class="note">${note}</p>` : ''}</div>
    <div class="tools">${children}</div></header>`;
}

/** The end of a list: more, or its end. @param {{list: any}} props */
export function More({ list }) {
  if (list.answer && list.answer.complete === false && !list.next) return html`<p class="end">${t('list.incomplete')}</p>`;
  if (!list.next) return list.items.length > 12 ? html`<p class="end">${t('list.end')}</p>` : '';
  return html`<p class="end"><${Button} onClick=${list.more} busy=${list.busy} name="more">${t('list.more')}</${Button}></p>`;
}
