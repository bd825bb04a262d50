// Keys for choosing, beside a handheld scanner that types. A scanner sends its characters within milliseconds of one another
// and Enter after them: so a digit counts as a choice only when nothing follows it for a moment. Who speaks to the machine or
// presses keys by accident switches the choosing keys off, or has them together with Alt (WCAG 2.1.4); what a scanner types is
// understood in any case.

import { el } from "./dom.js";
import { isGtin, plain } from "./gtin.js";
import { t } from "./words.js";

const MOMENT = 140;
const LONGEST = 24;
export const MODES = ["plain", "alt", "off"];
/** What takes a picture: with Alt the space bar belongs to the system. */
const SHOT = { plain: " ", alt: "S" };

/** How keys choose: alone, together with Alt, or not. */
export function mode() {
  const chosen = localStorage.getItem("keys");
  return MODES.includes(chosen) ? chosen : "plain";
}

export function setMode(chosen) {
  localStorage.setItem("keys", chosen);
}

/** The key as it is drawn on a button; null where keys are off. `name` is one character, " " for taking a picture. */
export function cap(name) {
  if (mode() === "off") return null;
  const key = name === " " ? SHOT[mode()] : name;
  const text = key === " " ? t("keys.space") : key;
  return el("kbd", { "aria-hidden": "true" }, mode() === "alt" ? `Alt ${text}` : text);
}

/** The same for a screen reader. */
export function shortcut(name) {
  if (mode() === "off") return null;
  const key = name === " " ? SHOT[mode()] : name;
  const text = key === " " ? "Space" : key;
  return mode() === "alt" ? `Alt+${text}` : text;
}

/** The key that is pressed together with Alt, by its place, as Alt changes what it types. */
function withAlt({ code }) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(code);
  const letter = /^Key([A-Z])$/.exec(code);
  const key = (digit ?? letter)?.[1];
  return key === SHOT.alt ? " " : key?.toLowerCase();
}

export function listen(onKey, onScan) {
  let typed = "";
  let timer = 0;
  const settle = () => {
    const key = typed;
    typed = "";
    if (key.length === 1 && mode() === "plain") onKey(key.toLowerCase());
  };
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input, select, textarea");
    if (field || event.ctrlKey || event.metaKey || event.repeat) return;
    if (event.altKey) {
      const key = mode() === "alt" && withAlt(event);
      if (key) event.preventDefault();
      if (key) onKey(key);
      return;
    }
    // What has the focus is pressed with the space bar already.
    if (event.key === " " && event.target.closest("button, a")) return;
    clearTimeout(timer);
    if (event.key === "Enter" && typed.length > 1) {
      event.preventDefault();
      const scanned = plain(typed);
      typed = "";
      if (isGtin(scanned)) onScan(scanned);
      return;
    }
    if (event.key.length === 1 && typed.length < LONGEST) typed += event.key;
    timer = setTimeout(settle, MOMENT);
  });
}
