// The evidence of a shipment, saved as files: a long shipment has several parts.
import { html, useState } from '../vendor/htm-preact.js';
import { download, saveBytes, segment } from '../api.js';
import { t } from '../text.js';
import { Button, Failure } from './basic.js';

/** @param {{shipmentKey: string}} props */
export function Evidence({ shipmentKey }) {
  const [busy, setBusy] = useState(false);
  const [saved, setSaved] = useState(0);
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const take = async () => {
    setBusy(true);
    setTrouble(null);
    setSaved(0);
    try {
      const path = `/shipments/${segment(shipmentKey)}/evidence`;
      let query = /** @type {string | null} */ ('');
      for (let count = 1; query !== null; count += 1) {
        const part = await download(path + query);
        saveBytes(part.file, part.name);
        setSaved(count);
        query = part.next;
      }
    } catch (error) {
      setTrouble(error);
    }
    setBusy(false);
  };
  return html`<${Button} icon="file" name="evidence" onClick=${take} busy=${busy} label=${t('evidence.meaning')}>${t('evidence')}</${Button}>
    ${saved > 0 && !trouble ? html`<span class="faint" role="status" data-saved>${t('evidence.saved', { n: saved })}</span>` : ''}
    ${trouble ? html`<${Failure} trouble=${trouble} />` : ''}`;
}
