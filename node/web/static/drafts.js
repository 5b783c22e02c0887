// What is being written is kept: on the server every few seconds, and in this browser until the server has it.

import { words } from "./status.js";

const AFTER = 2500;  // milliseconds without a key
const AGAIN = 8000;  // until the server is tried again

export function keep(section) {
  const form = section.querySelector("form");
  const area = form.elements.source;
  const kept = form.querySelector("[data-kept]");
  const place = `reply:${section.dataset.uid}`;
  const own = `folkmoot-draft ${place}`;
  let timer = null;
  let held = area.value;
  let dropped = false;

  const local = read(own);
  if (local !== null && local !== area.value) {
    area.value = local;
    kept.textContent = words("restored");
    timer = setTimeout(save, AFTER);
  }

  async function save() {
    timer = null;
    if (dropped || area.value === held) return;
    const sending = area.value;
    const body = new URLSearchParams({ csrf: form.elements.csrf.value, place, source: sending });
    try {
      const answer = await fetch("/drafts", { method: "POST", headers: { Accept: "application/json" }, body, keepalive: sending.length < 30000 });
      if (!answer.ok) throw new Error(answer.statusText);
      held = sending;
      if (dropped) return;
      if (area.value === sending) write(own, null);
      kept.textContent = sending.trim() ? `${words("kept")} ${new Date().toLocaleTimeString([], { timeStyle: "short" })}` : "";
    } catch {
      kept.textContent = words("notKept");
      timer ??= setTimeout(save, AGAIN);
    }
  }

  area.addEventListener("input", () => {
    write(own, area.value === held ? null : area.value);
    clearTimeout(timer);
    timer = setTimeout(save, AFTER);
  });
  addEventListener("online", () => { if (section.isConnected) save(); });
  document.addEventListener("visibilitychange", () => { if (document.hidden && section.isConnected) save(); });

  return {
    // It was sent, or goes on in another place: nothing of it is kept here any more.
    drop(onServer = false) {
      dropped = true;
      clearTimeout(timer);
      write(own, null);
      if (!onServer) return;
      const body = new URLSearchParams({ csrf: form.elements.csrf.value, place, do: "discard" });
      fetch("/drafts", { method: "POST", headers: { Accept: "application/json" }, body }).catch(() => { /* it waits in the list of drafts */ });
    },
    touch() { area.dispatchEvent(new Event("input")); },
  };
}

function read(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;  // not allowed here
  }
}

function write(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch { /* full, or not allowed: the server has it in a moment */ }
}
