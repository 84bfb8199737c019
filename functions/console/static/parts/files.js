// Files that events and answers name by links: their state, and a button that saves what is kept.
import { html, useState } from '../vendor/htm-preact.js';
import { Trouble, saveFile } from '../api.js';
import { eventHref } from '../router.js';
import { named, size, t } from '../text.js';
import { Button, State, Time } from './basic.js';
import { Icon } from './icons.js';

/** @param {{files: any[] | undefined}} props */
export function Files({ files }) {
  if (!files || files.length === 0) return '';
  return html`<section class="card" aria-label=${t('files')} data-files><h2>${t('files')}</h2><ul class="plain lines">
    ${files.map((file) => html`<li key=${file.connection + file.event + file.url}><${One} file=${file} /></li>`)}</ul></section>`;
}

/** @param {{file: any}} props */
function One({ file }) {
  const [trouble, setTrouble] = useState('');
  const [busy, setBusy] = useState(false);
  const open = async () => {
    setBusy(true);
    setTrouble('');
    try {
      await saveFile(file.hash, file.name);
    } catch (error) {
      setTrouble(error instanceof Trouble && error.status > 0 ? error.message : t('files.unreachable'));
    }
    setBusy(false);
  };
  const name = named('file', file.field);
  return html`<b data-file=${file.field}>${file.event && file.connection ? html`<a href=${eventHref({ ...file, id: file.event })}>${name}</a>` : name}</b> <${State} value=${file.state} />
    ${file.state === 'kept' ? html`<span class="faint">${file.name} · ${size(file.size)}</span>
      <${Button} icon="download" name="save-file" busy=${busy} onClick=${open}>${t('files.save')}</${Button}>` : ''}
    ${file.due ? html`<span class="faint">${t('files.next')} <${Time} at=${file.due} /></span>` : ''}
    ${file.detail ? html`<span class="reason">${file.detail}</span>` : ''}
    ${trouble ? html`<span class="warning" role="alert"><${Icon} name="alert" /> ${trouble}</span>` : ''}`;
}
