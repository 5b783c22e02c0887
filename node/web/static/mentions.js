// Whom one may mean, offered while an @ is typed: a list that arrows walk and Enter takes.

import { say, words } from "./status.js";

const BEGUN = /(?:^|[\s(])@([\p{L}\p{N}_.-]{1,40}(?:@[\w.:-]*)?)$/u;
let made = 0;

export function complete(area, thread) {
  const list = document.createElement("ul");
  list.id = `people-${++made}`;
  list.className = "people";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", words("people"));
  list.hidden = true;
  area.after(list);
  area.setAttribute("aria-autocomplete", "list");
  area.setAttribute("aria-haspopup", "listbox");
  area.setAttribute("aria-controls", list.id);
  let at = -1;
  let asked = 0;
  let timer = null;

  const begun = () => BEGUN.exec(area.value.slice(0, area.selectionStart))?.[1] ?? "";

  function close() {
    list.hidden = true;
    list.replaceChildren();
    at = -1;
    area.removeAttribute("aria-activedescendant");
  }

  function choose(index) {
    at = (index + list.children.length) % list.children.length;
    [...list.children].forEach((one, place) => one.setAttribute("aria-selected", String(place === at)));
    area.setAttribute("aria-activedescendant", list.children[at].id);
    list.children[at].scrollIntoView({ block: "nearest" });
  }

  function take(one) {
    const from = area.selectionStart - begun().length;
    area.setRangeText(`${one.dataset.handle} `, from, area.selectionStart, "end");
    close();
    area.focus();
    area.dispatchEvent(new Event("input"));
    close();
  }

  async function ask(typed) {
    const turn = ++asked;
    let found = [];
    try {
      const answer = await fetch(`/mentions?${new URLSearchParams({ q: typed, thread })}`, { headers: { Accept: "application/json" } });
      if (answer.ok && !answer.redirected) found = await answer.json();
    } catch { /* no list, then */ }
    if (turn !== asked || begun() !== typed) return;
    if (!found.length) {
      close();
      return;
    }
    list.replaceChildren(...found.map(({ handle, name }, place) => {
      const one = document.createElement("li");
      one.id = `${list.id}-${place}`;
      one.setAttribute("role", "option");
      one.setAttribute("aria-selected", "false");
      one.dataset.handle = handle;
      const said = document.createElement("bdi");
      said.textContent = name;
      const whole = document.createElement("span");
      whole.textContent = `@${handle}`;
      one.append(said, " ", whole);
      return one;
    }));
    list.hidden = false;
    choose(0);
    say(`${words("people")}: ${found.length}`);
  }

  area.addEventListener("input", () => {
    clearTimeout(timer);
    const typed = begun();
    if (!typed) close();
    else timer = setTimeout(() => ask(typed), 120);
  });
  area.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    if (event.key === "ArrowDown") choose(at + 1);
    else if (event.key === "ArrowUp") choose(at - 1);
    else if (event.key === "Enter" || event.key === "Tab") take(list.children[at]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  area.addEventListener("blur", () => setTimeout(close, 150));
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();  // the field keeps the focus
    const one = event.target.closest("[role=option]");
    if (one) take(one);
  });
}
