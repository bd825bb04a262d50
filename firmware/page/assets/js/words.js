// Every word of the page, from the message files.

export const LANGUAGES = ["en", "de"];
let messages = {};
let language = "en";

function preferred() {
  const chosen = localStorage.getItem("language");
  if (LANGUAGES.includes(chosen)) return chosen;
  const wanted = navigator.languages.map((name) => name.slice(0, 2));
  return wanted.find((name) => LANGUAGES.includes(name)) ?? "en";
}

export async function loadWords(choice) {
  if (choice) localStorage.setItem("language", choice);
  language = choice ?? preferred();
  messages = await (await fetch(`/messages/${language}.json`)).json();
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
  return language;
}

/** The message of `key` with its {places} filled. A key that is not there shows itself, which a test forbids. */
export function t(key, values = {}) {
  const message = messages[key] ?? key;
  return message.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** The message of `key`, or `otherwise` where there is none: for words of the device, which may be newer than the page. */
export function tOr(key, otherwise) {
  return messages[key] ?? otherwise;
}

/** What is wrong, in one sentence: the page's own where it has one, otherwise the device's. */
export function troubleText({ code, text, remedy }) {
  const own = messages[`error.${code}`];
  if (own) return `${code}: ${own}`;
  const begin = code && !text.startsWith(code) ? `${code}: ` : "";
  const end = remedy && !text.includes(remedy) ? ` (${remedy})` : "";
  return begin + text + end;
}

export function score(value) {
  return value.toLocaleString(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

export function time(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

export function number(value, digits = 0) {
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A GTIN in groups, which are easier to compare. */
export function grouped(gtin) {
  return gtin.length === 13 ? `${gtin[0]} ${gtin.slice(1, 7)} ${gtin.slice(7)}` : gtin;
}
