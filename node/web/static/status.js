// What happens is also said, to whoever does not see it.

const line = document.createElement("p");
line.className = "sr";
line.setAttribute("role", "status");
document.body.append(line);

export function say(words) {
  line.textContent = words;
}

// Words for scripts stand in the page, in the reader's language; `{name}` is filled in.
const kept = document.getElementById("words");

export function words(name, values = {}) {
  const found = kept?.dataset[name] ?? "";
  return found.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}
