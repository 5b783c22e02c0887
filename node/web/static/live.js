// What others say comes by itself: below what is read it is put in its place, above it a line offers it.

import { bring, path, placeOf, put, refresh, shown, thread } from "./items.js";
import { say, words } from "./status.js";

const note = document.querySelector("[data-arrived]");
const title = document.title;
const waiting = new Map();  // number -> the item and its place, of what is offered and not shown
let newest = 0;
let unseen = 0;

export function listen(section) {
  newest = Number(section.dataset.newest);
  if (!window.EventSource) return;
  let source = null;
  const open = () => {
    source = new EventSource(section.dataset.live);
    source.addEventListener("newest", (event) => catchUp(JSON.parse(event.data).number));
    source.addEventListener("item", (event) => hear(JSON.parse(event.data)));
  };
  open();
  // A page that went to sleep with its connection opens a new one when it is looked at again.
  addEventListener("pageshow", (event) => { if (event.persisted) { source.close(); open(); } });
  addEventListener("pagehide", () => { source.close(); send(); });
  note.querySelector("button").addEventListener("click", show);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return send();
    unseen = 0;
    document.title = title;
  });
}

let last = Promise.resolve();

// One after another, so that an answer never comes before what it answers.
function hear(event) {
  last = last.then(() => take(event)).catch(() => { /* the connection went; catchUp offers what was missed */ });
}

async function take({ kind, uid, number }) {
  if (kind !== "posted" || shown(number)) {
    const open = shown(number)?.querySelector("details.menu[open]");
    const fresh = open ? null : await refresh(uid, number);
    if (fresh?.classList.contains("new")) watch(fresh);
    newest = Math.max(newest, number);
    return;
  }
  const li = await bring(uid);
  newest = Math.max(newest, number);
  if (!li || shown(number)) return;
  const article = li.querySelector("article");
  const place = placeOf(Number(article.dataset.parent));
  const own = document.getElementById("act") && !article.classList.contains("new");
  if (place?.whom && !article.querySelector(".whom")) {
    const told = await bring(uid, true);
    if (told) li.querySelector("article").replaceWith(told.querySelector("article"));
  }
  if (place && !isAbove(place)) put(li, place);
  else offer(number, li, place);
  if (own) return;
  say(words("came", { name: li.querySelector("h3 .name")?.textContent ?? "" }));
  document.dispatchEvent(new CustomEvent("folkmoot:came", { detail: { number } }));
  if (document.hidden) document.title = `(${++unseen}) ${title}`;
  watch(li.querySelector("article"));
}

// What was said while there was no connection: how much, and where it begins.
function catchUp(number) {
  if (number <= newest) return;
  for (let missed = newest + 1; missed <= number; missed++) if (!shown(missed)) offer(missed, null, null);
  newest = number;
}

function isAbove(place) {
  const at = place.before ?? place.into.lastElementChild ?? place.into.parentElement;
  const box = at.getBoundingClientRect();
  return (place.before ? box.top : box.bottom) < 0;
}

function offer(number, li, place) {
  waiting.set(number, { li, place });
  const button = note.querySelector("button");
  button.textContent = waiting.size === 1 ? words("newOne") : words("newMany", { num: waiting.size });
  note.hidden = false;
}

function show() {
  const first = Math.min(...waiting.keys());
  const [...offered] = waiting.values();
  if (offered.some(({ li, place }) => !li || !place?.into.isConnected)) {
    location.assign(`${path}?at=${first}#c-${first}`);
    return;
  }
  for (const { li, place } of offered) if (!shown(Number(li.querySelector("article").id.slice(2)))) put(li, place);
  waiting.clear();
  note.hidden = true;
  const target = shown(first);
  target?.scrollIntoView({ block: "center" });
  target?.focus({ preventScroll: true });
}

// ---------------------------------------------------------------- what came and was looked at is read

const act = document.getElementById("act");
const seen = new Set();
let report = null;
const eyes = act && window.IntersectionObserver && new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting || document.hidden) continue;
    eyes.unobserve(target);
    seen.add(target.id.slice(2));
    report ??= setTimeout(send, 1500);
  }
}, { threshold: 0.5 });

function watch(article) {
  if (eyes && article) eyes.observe(article);
}

async function send() {
  clearTimeout(report);
  report = null;
  if (!seen.size) return;
  const body = new URLSearchParams({ csrf: act.elements.csrf.value });
  for (const number of seen) body.append("seen", number);
  seen.clear();
  await fetch(`/threads/${thread}/read`, { method: "POST", headers: { Accept: "application/json" }, body, keepalive: true })
    .catch(() => { /* it is new once more the next time */ });
}
