// The form for an answer comes to where one answers, and sends without a new page. It never loses a word.

import { keep } from "./drafts.js";
import { bring, path, placeOf, put, shown } from "./items.js";
import { complete } from "./mentions.js";
import { say, words } from "./status.js";

let drafts = null;
let moves = 0;  // where the form went last counts, whichever answer comes first

export function enhance(section) {
  const form = section.querySelector("form");
  const area = form.elements.source;
  section.querySelector("[data-without-script]")?.remove();
  drafts = keep(section);
  complete(area, section.dataset.thread);
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit(form.querySelector("button.main"));
    }
  });
  form.addEventListener("submit", (event) => {
    const way = event.submitter?.value ?? "post";
    event.preventDefault();
    if (way === "preview") preview(section);
    else send(section);
  });
  document.querySelector("[data-discard]")?.addEventListener("submit", () => drafts.drop());
}

// Moves the form to another item; what was written goes along.
async function move(uid, quoted, withQuote) {
  const turn = ++moves;
  const answer = await fetch(`/items/${uid}/composer${withQuote ? "?quote=1" : ""}`, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (turn !== moves) return false;
  const old = document.getElementById("compose");
  const written = old?.querySelector("textarea").value ?? "";
  const section = document.adoptNode(page.getElementById("compose"));
  const number = Number(section.dataset.number);
  if (number && !shown(number)) throw new Error("it is not on this page");
  const elsewhere = old && old.dataset.uid !== uid;
  if (elsewhere && written.trim()) drafts.drop(true);
  else drafts?.drop();
  old?.remove();
  if (number) shown(number).after(section);
  else document.getElementById("answer-here").append(section);
  const area = section.querySelector("textarea");
  const begun = area.value;
  const parts = [elsewhere || withQuote || quoted ? written.trimEnd() : written, quoted].filter((part) => part.trim());
  if (withQuote && !quoted) parts.push(begun);
  else if (!written.trim() && !quoted) parts.push(begun);
  area.value = parts.join("\n\n");
  enhance(section);
  if (area.value !== begun) drafts.touch();
  area.focus();
  area.setSelectionRange(area.value.length, area.value.length);
  section.scrollIntoView({ block: "nearest" });
  return true;
}

export function follow() {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-reply], a[data-quote]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const marked = link.dataset.quote ? quotation(link.closest("article")) : "";
    try {
      await move(link.dataset.quote ?? link.dataset.reply, marked, Boolean(link.dataset.quote) && !marked);
    } catch {
      if (navigator.onLine) location.assign(link.href);
      else say(words("notSent"));
    }
  });
  // Others spoke meanwhile: whoever writes should know before they send.
  document.addEventListener("folkmoot:came", ({ detail }) => {
    const form = document.querySelector("#compose form");
    if (!form?.elements.source.value.trim()) return;
    form.elements.seen.value = Math.max(Number(form.elements.seen.value), detail.number);
    tell(form, words("meanwhile"));
  });
}

// What is marked in the item, as a quotation.
function quotation(article) {
  const marked = getSelection();
  const within = marked.rangeCount && article.querySelector(".words")?.contains(marked.getRangeAt(0).commonAncestorContainer);
  const said = within ? marked.toString().trim() : "";
  return said ? said.split("\n").map((line) => `> ${line}`.trimEnd()).join("\n") + "\n\n" : "";
}

async function preview(section) {
  const form = section.querySelector("form");
  const area = form.elements.source;
  const shownAt = section.querySelector("[data-preview]");
  const body = new URLSearchParams({ csrf: form.elements.csrf.value, source: area.value, place: `reply:${section.dataset.uid}` });
  let told = null;
  let answer = null;
  try {
    answer = await fetch("/preview", { method: "POST", headers: { Accept: "application/json" }, body });
    told = await answer.json();
  } catch {
    tell(form, words(answer ? "refused" : "notSent"));
    return;
  }
  if (!answer.ok) {
    tell(form, told.error ?? words("refused"));
    return;
  }
  const hint = Object.assign(document.createElement("p"), { className: "hint", textContent: words("preview") });
  const made = new DOMParser().parseFromString(told.html, "text/html");
  const said = document.createElement("div");
  said.className = "words";
  said.dir = "auto";
  said.append(...[...made.body.childNodes].map((child) => document.adoptNode(child)));
  shownAt.replaceChildren(hint, said);
  shownAt.hidden = false;
  if (told.audience) section.querySelector("[data-reach]").textContent = told.audience;
  say(words("preview"));
}

async function send(section) {
  const form = section.querySelector("form");
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  const body = new URLSearchParams(new FormData(form));
  body.set("do", "post");
  let answer = null;
  try {
    answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body });
  } catch {
    form.ariaBusy = "false";
    tell(form, words("notSent"));
    return;
  }
  form.ariaBusy = "false";
  if (answer.status === 422) {
    wrong(form, (await answer.json()).error);
    return;
  }
  if (!answer.ok) {
    form.submit();  // the page that comes gives every word back, and says what is wrong
    return;
  }
  const posted = await answer.json();
  drafts.drop();
  // Whoever is quicker than the next form sends another answer with this one, and not the same once more.
  form.elements.nonce.value = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  for (const area of document.querySelectorAll("#compose textarea")) if (area.value === body.get("source")) area.value = "";
  try {
    await putInPlace(section, posted);
  } catch {
    location.assign(posted.led_to);
  }
}

async function putInPlace(section, posted) {
  const number = Number(/#c-(\d+)$/.exec(posted.led_to)[1]);
  const parent = Number(section.dataset.number);
  if (!shown(number)) {
    const place = placeOf(parent);
    const li = place && await bring(posted.uid, place.whom);
    if (!li) throw new Error("its place is on another page");
    if (!shown(number)) put(li, place);
  }
  if (await move(document.getElementById("opening").dataset.uid, "", false)) {
    shown(number).scrollIntoView({ block: "center" });
    shown(number).focus({ preventScroll: true });
  }
  history.replaceState(null, "", `${path}#c-${number}`);
  say(words("sent"));
}

function wrong(form, said) {
  const area = form.elements.source;
  form.querySelector("#source-error")?.remove();
  const line = Object.assign(document.createElement("p"), { className: "error", id: "source-error", textContent: said });
  area.before(line);
  area.setAttribute("aria-invalid", "true");
  area.setAttribute("aria-describedby", "source-error reach");
  area.focus();
}

function tell(form, said) {
  form.querySelector("[data-said]").textContent = said;
}
