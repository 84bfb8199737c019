// The way in: an API key, which this tab keeps and forgets.
import { html, useState } from '../vendor/htm-preact.js';
import { BASE } from '../api.js';
import { change, session } from '../session.js';
import { t } from '../text.js';
import { Button, Failure } from '../parts/basic.js';

export function SignIn() {
  const { language } = session();
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const submit = async (/** @type {any} */ event) => {
    event.preventDefault();
    const key = event.target.elements.key.value.trim();
    if (!key) return;
    setBusy(true);
    setTrouble(null);
    try {
      const response = await fetch(`${BASE}/me`, { headers: { Authorization: `Bearer ${key}`, 'Accept-Language': language }, cache: 'no-store', credentials: 'omit' });
      const answer = await response.json().catch(() => ({}));
      if (response.ok) return change({ key, me: answer });
      setTrouble({ status: response.status, problem: response.status === 401 ? { detail: t('sign_in.wrong') } : answer });
    } catch {
      setTrouble({ status: 0, problem: {} });
    }
    setBusy(false);
  };
  return html`<main class="sign-in"><form class="card" onSubmit=${submit}><img src="console/icon.svg" alt="" width="44" height="44" />
    <h1>${t('sign_in.title')}</h1><p class="note">${t('sign_in.note')}</p>
    <div class="field"><label for="key">${t('sign_in.key')}</label><input id="key" name="key" type="password" required autocomplete="off" spellcheck="false" autofocus /></div>
    ${trouble ? html`<${Failure} trouble=${trouble} />` : ''}
    <${Button} type="submit" kind="main" busy=${busy} name="sign-in">${t('sign_in.go')}</${Button}>
    <p class="switchers"><${Button} kind="quiet" name="language" onClick=${() => change({ language: language === 'zh' ? 'en' : 'zh' })}>${language === 'zh' ? 'English' : '中文'}</${Button}></p></form></main>`;
}
