// Dialogs: the browser's own, which hold the focus and close with Escape.
import { html, useEffect, useRef } from '../vendor/htm-preact.js';
import { t } from '../text.js';
import { Button } from './basic.js';

/** @param {{title: string, close: () => void, children: any, actions?: any, wide?: boolean}} props */
export function Dialog({ title, close, children, actions, wide }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const dialog = box.current;
    if (!dialog) return;
    const before = document.activeElement;
    dialog.showModal();
    return () => {
      dialog.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const cancelled = (/** @type {Event} */ event) => {
    event.preventDefault();
    close();
  };
  return html`<dialog ref=${box} class=${wide ? 'wide' : ''} onCancel=${cancelled} aria-label=${title}>
    <header><h2>${title}</h2><${Button} kind="quiet" icon="cross" label=${t('close')} onClick=${close} /></header>
    <div class="body">${children}</div>
    ${actions ? html`<footer>${actions}</footer>` : ''}</dialog>`;
}
