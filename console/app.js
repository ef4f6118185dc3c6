import { getJson, readEvents, token } from './api.js';
import { byId, element, tell } from './dom.js';
import { startLog } from './log.js';
import { drawMembers } from './members.js';
import { drawSqlRole, startSql } from './sql.js';

const POLL_MS = 1000;
const EVENTS_KEPT = 200;
const RECONNECT_MS = 2000;

let self = '';
let signedIn = false;
let session = new AbortController();

function signIn() {
  byId('sign-in').hidden = true;
  byId('signed-in').hidden = false;
  byId('sign-out').hidden = false;
  signedIn = true;
  session = new AbortController();
  void pollCluster(session.signal);
  void followEvents(session.signal);
  void refreshLog();
}

function signOut(message) {
  session.abort();
  signedIn = false;
  token.clear();
  byId('signed-in').hidden = true;
  byId('sign-out').hidden = true;
  byId('sign-in').hidden = false;
  showConnection(null);
  tell(byId('sign-in-error'), message);
  byId('token').value = '';
  byId('token').focus();
}

/** A token that no longer counts ends the session; everything else is shown where it happened. */
function onError(error) {
  if (error.status === 401 && signedIn) signOut('This token is not known to the node, or was revoked.');
}

async function refreshCluster() {
  const status = await getJson('/v1/cluster');
  drawMembers(status, self);
  drawSqlRole(status, self);
}

async function pollCluster(signal) {
  while (!signal.aborted) {
    if (!document.hidden) {
      try {
        await refreshCluster();
        showConnection(null);
      } catch (error) {
        if (signal.aborted) return;
        showConnection(error.message);
        onError(error);
      }
    }
    await pause(POLL_MS, signal);
  }
}

/** What is on the page while the node does not answer is old, and looks so. */
function showConnection(problem) {
  const target = byId('connection');
  if (target.textContent !== (problem ?? '')) target.textContent = problem ?? '';
  byId('cluster').classList.toggle('stale', problem !== null);
}

async function followEvents(signal) {
  let lastId = null;
  while (!signal.aborted) {
    try {
      await readEvents({
        lastId,
        signal,
        onOpen: () => {},
        onEvent(event) {
          lastId = event.id ?? lastId;
          addEvent(event);
          refreshCluster().catch(onError);
        },
      });
    } catch (error) {
      if (signal.aborted) return;
      onError(error);
    }
    await pause(RECONNECT_MS, signal);
  }
}

function addEvent({ event, data }) {
  const list = byId('events');
  const at = typeof data.at === 'string' ? data.at.slice(11, 19) : '';
  list.prepend(
    element('li', {}, [
      element('span', { text: at, className: 'time' }),
      element('span', { text: event, className: 'part' }),
      element('span', { text: `${data.subject ?? ''}: ${data.reason ?? ''}` }),
    ]),
  );
  while (list.children.length > EVENTS_KEPT) list.lastChild.remove();
  byId('event-count').textContent = `since this page was opened: ${list.children.length}`;
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function whoAmI() {
  try {
    const health = await (await fetch('/health')).json();
    self = health.node ?? '';
    byId('where').textContent = self;
    document.title = self ? `${self} · Skein` : 'Skein';
  } catch {
    byId('connection').textContent = 'The node does not answer.';
  }
}

byId('sign-in-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const given = byId('token').value.trim();
  token.set(given);
  try {
    await getJson('/v1/cluster');
    tell(byId('sign-in-error'), null);
    signIn();
    // The form that had the focus is gone; what follows begins here.
    byId('cluster-title').focus();
  } catch (error) {
    signOut(error.status === 401 ? 'The node does not know this token.' : error.message);
  }
});
byId('sign-out').addEventListener('click', () => signOut(null));

const refreshLog = startLog({ isSignedIn: () => signedIn, onError });
startSql({ onError });
await whoAmI();
if (token.get()) signIn();
else signOut(null);
