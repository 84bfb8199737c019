// Plots over time. The library is loaded where a plot is first shown; a table with the same numbers is beside each.
import { html, useEffect, useRef, useState } from '../vendor/htm-preact.js';
import { absolute, number, t } from '../text.js';
import { Failure } from './basic.js';

/** @typedef {{name: string, values: (number | null)[], tone: string, dash?: boolean}} Line */

/** @type {Promise<any> | null} */
let loading = null;

function library() {
  loading = loading || new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = 'console/uplot.js';
    script.onload = () => resolve(/** @type {any} */ (window).uPlot);
    script.onerror = () => {
      loading = null;
      reject({ status: 0, problem: {} });
    };
    document.head.append(script);
  });
  return loading;
}

/** @param {string} name */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** @param {{title: string, unit: string, times: number[], lines: Line[], total?: boolean, bars?: boolean, zero?: boolean}} props */
export function Plot({ title, unit, times, lines, total, bars }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const shape = lines.map((line) => line.name).join('|');
  const plot = useRef(/** @type {any} */ (null));
  const data = [times, ...lines.map((line) => line.values)];
  const latest = useRef(/** @type {any} */ (data));
  latest.current = data;

  useEffect(() => {
    let gone = false;
    const place = box.current;
    if (!place) return;
    const make = (/** @type {any} */ uPlot) => {
      if (gone) return;
      if (plot.current) plot.current.destroy();
      const axis = { stroke: colour('faint'), grid: { stroke: colour('line'), width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
      const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
      plot.current = new uPlot({
        width: place.clientWidth, height: 150, padding: [8, 8, 0, 0], legend: { show: false },
        cursor: { points: { size: 6 }, y: false, drag: { x: false, y: false } },
        scales: { x: { time: true }, y: { range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => [Math.min(0, low || 0), Math.max(1, (high || 0) * 1.1)] } },
        axes: [{ ...axis, size: 24, values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map((one) => { const date = new Date(one * 1000); return `${two(date.getHours())}:${two(date.getMinutes())}`; }) },
          { ...axis, size: 48, values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map((one) => short(one)) }],
        series: [{}, ...lines.map((line) => ({ label: line.name, stroke: colour(line.tone), width: 1.6, dash: line.dash ? [5, 4] : undefined, points: { show: false }, spanGaps: false,
          ...(bars ? { fill: colour(line.tone) + '22' } : {}) }))],
        hooks: { setCursor: [(/** @type {any} */ own) => told(own)] },
      }, latest.current, place);
    };
    const told = (/** @type {any} */ own) => {
      const note = place.parentElement && place.parentElement.querySelector('.readout');
      if (!note) return;
      const at = own.cursor.idx;
      note.textContent = at === null || at === undefined ? '' : `${absolute(new Date(own.data[0][at] * 1000).toISOString()).slice(11, 16)}  ${lines.map((line, n) => `${line.name} ${one(own.data[n + 1][at])}`).join('   ')}`;
    };
    library().then(make, setTrouble);
    const resized = new ResizeObserver(() => plot.current && place.clientWidth && plot.current.setSize({ width: place.clientWidth, height: 150 }));
    resized.observe(place);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const again = () => void library().then(make, setTrouble);
    scheme.addEventListener('change', again);
    const theme = new MutationObserver(again);
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    return () => {
      gone = true;
      resized.disconnect();
      theme.disconnect();
      scheme.removeEventListener('change', again);
      if (plot.current) plot.current.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => {
    if (plot.current) plot.current.setData(latest.current);
  });

  const sums = lines.map((line) => {
    const known = line.values.filter((value) => value !== null).map(Number);
    return known.length === 0 ? null : total ? known.reduce((a, b) => a + b, 0) : known[known.length - 1];
  });
  return html`<figure class="plot"><figcaption><h3>${title}</h3><ul class="legend">${lines.map((line, n) => html`<li key=${line.name}><span class=${`swatch ${line.tone} ${line.dash ? 'dash' : ''}`} aria-hidden="true"></span>${line.name}
      <b class="num">${one(sums[n])}</b>${total ? '' : html`<span class="faint"> ${unit}</span>`}</li>`)}</ul></figcaption>
    ${trouble ? html`<${Failure} trouble=${trouble} />` : html`<div class="canvas" ref=${box} aria-hidden="true"></div>`}
    <p class="readout num" aria-hidden="true"></p>
    <details class="quiet"><summary>${t('plot.table')}</summary><div class="scroll" tabindex="0"><table class="list"><thead><tr><th scope="col">${t('plot.time')}</th>${lines.map((line) => html`<th scope="col" class="right" key=${line.name}>${line.name}</th>`)}</tr></thead>
      <tbody>${times.map((at, row) => lines.some((line) => line.values[row]) ? html`<tr key=${at}><td class="num">${absolute(new Date(at * 1000).toISOString()).slice(5, 16)}</td>${lines.map((line) => html`<td class="right num" key=${line.name}>${one(line.values[row])}</td>`)}</tr>` : '')}</tbody></table></div></details></figure>`;
}

/** @param {number | null | undefined} value */
function one(value) {
  return value === null || value === undefined ? '–' : number(Math.round(value));
}

/** @param {number} value */
function short(value) {
  if (Math.abs(value) >= 1_000_000) return `${value / 1_000_000}M`;
  return Math.abs(value) >= 1_000 ? `${value / 1_000}k` : String(value);
}
