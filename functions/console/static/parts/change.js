// Changes of deliveries: a dry run says what would be done, a person agrees, and the work goes on in pieces that can be followed.
import { html, useEffect, useRef, useState } from '../vendor/htm-preact.js';
import { post } from '../api.js';
import { refresh } from '../live.js';
import { number, t } from '../text.js';
import { Button, Failure } from './basic.js';
import { Dialog } from './dialog.js';

/**
 * @typedef {{connection: string, subject: string, id: string}} EventKey
 * @typedef {{endpoint: string, events?: EventKey[]}} Part all failed deliveries of the endpoint, where no events are named
 * @typedef {'replay' | 'now' | 'confirm'} Kind
 */

/** Events of one request. */
const PIECE = 100;

/** @param {Kind} kind @param {Part[]} parts @returns {{path: string, body: any}[]} */
function requests(kind, parts) {
  const path = kind === 'confirm' ? '/deliveries/confirm' : '/deliveries/replay';
  const more = kind === 'now' ? { now: true } : {};
  return parts.flatMap(({ endpoint, events }) => {
    if (!events) return [{ path, body: { endpoint, ...more } }];
    const pieces = [];
    for (let at = 0; at < events.length; at += PIECE) {
      pieces.push({ path, body: { endpoint, ...more, events: events.slice(at, at + PIECE) } });
    }
    return pieces;
  });
}

/** Does a request to its last page. @param {{path: string, body: any}} request @param {boolean} dry @param {(answer: any) => boolean} each whether to go on */
async function through(request, dry, each) {
  let from;
  do {
    const answer = await post(request.path, { ...request.body, dry_run: dry, ...(from ? { from } : {}) });
    if (!each(answer)) return;
    from = answer.next || undefined;
  } while (from);
}

/** @param {{kind: Kind, parts: Part[], close: (done: boolean) => void}} props */
export function Change({ kind, parts, close }) {
  const [step, setStep] = useState(/** @type {'asks' | 'asked' | 'works' | 'done'} */ ('asks'));
  const [found, setFound] = useState({ would: 0, unwanted: 0 });
  const [done, setDone] = useState(0);
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const stopped = useRef(false);
  const wanted = parts.reduce((sum, part) => sum + (part.events ? part.events.length : 0), 0);

  const ask = async () => {
    setTrouble(null);
    setStep('asks');
    let would = 0;
    let unwanted = 0;
    try {
      for (const request of requests(kind, parts)) {
        await through(request, true, (answer) => {
          would += (answer.events || []).length;
          unwanted += (answer.unwanted || []).length;
          setFound({ would, unwanted });
          return !stopped.current;
        });
      }
      setStep('asked');
    } catch (trouble) {
      setTrouble(trouble);
    }
  };
  useEffect(() => {
    void ask();
    return () => {
      stopped.current = true;
    };
  }, []);

  const work = async () => {
    setTrouble(null);
    setStep('works');
    stopped.current = false;
    let count = 0;
    try {
      for (const request of requests(kind, parts)) {
        if (stopped.current) break;
        await through(request, false, (answer) => {
          count += answer.replayed || answer.confirmed || 0;
          setDone(count);
          return !stopped.current;
        });
      }
      setStep('done');
    } catch (trouble) {
      setTrouble(trouble);
    }
    refresh();
  };

  const total = Math.max(found.would, 1);
  const places = parts.map((part) => part.endpoint).filter((one, at, all) => all.indexOf(one) === at);
  const actions = step === 'done'
    ? html`<${Button} kind="main" onClick=${() => close(true)} name="finish">${t('change.finish')}</${Button}>`
    : step === 'works'
      ? html`<${Button} onClick=${() => (stopped.current = true)} name="stop" disabled=${!!trouble}>${t('change.stop')}</${Button}>`
      : html`<${Button} onClick=${() => close(false)}>${t('cancel')}</${Button}>
        <${Button} kind=${kind === 'confirm' ? 'danger' : 'main'} disabled=${step !== 'asked' || found.would === 0} busy=${step === 'asks' && !trouble}
          onClick=${work} name="agree">${step === 'asked' ? t(LABELS[kind].go, { n: number(found.would) }) : t('change.counting')}</${Button}>`;
  return html`<${Dialog} title=${t(LABELS[kind].title)} close=${() => close(step === 'done')} actions=${actions}>
    <p>${t(LABELS[kind].meaning)}</p>
    <dl class="facts">
      <div><dt>${t('endpoint')}</dt><dd>${places.join(', ')}</dd></div>
      ${wanted ? html`<div><dt>${t('change.chosen')}</dt><dd class="num">${number(wanted)}</dd></div>` : ''}
      <div><dt>${t('change.would')}</dt><dd class="num" data-would>${step === 'asks' && !trouble ? '…' : number(found.would)}</dd></div>
      ${found.unwanted ? html`<div><dt>${t('change.unwanted')}</dt><dd class="num">${number(found.unwanted)}</dd></div>` : ''}
    </dl>
    ${step === 'works' || step === 'done' ? html`<div class="progress"><progress max=${total} value=${Math.min(done, total)} aria-label=${t('change.progress')}></progress>
      <p role="status" aria-live="polite" data-done>${t(step === 'done' ? LABELS[kind].done : 'change.working', { n: number(done), all: number(found.would) })}</p></div>` : ''}
    ${trouble ? html`<${Failure} trouble=${trouble} retry=${step === 'works' ? work : ask} />` : ''}</${Dialog}>`;
}

/** @type {Record<Kind, {title: import('../text.js').TextKey, meaning: import('../text.js').TextKey, go: import('../text.js').TextKey, done: import('../text.js').TextKey}>} */
const LABELS = {
  replay: { title: 'replay.title', meaning: 'replay.meaning', go: 'replay.go', done: 'replay.done' },
  now: { title: 'now.title', meaning: 'now.meaning', go: 'now.go', done: 'now.done' },
  confirm: { title: 'confirm.title', meaning: 'confirm.meaning', go: 'confirm.go', done: 'confirm.done' },
};
