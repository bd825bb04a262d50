// Keys for choosing, beside a handheld scanner that types. A scanner sends its characters within milliseconds of one another
// and Enter after them: so a digit counts as a choice only when nothing follows it for a moment.

import { isGtin, plain } from "./gtin.js";

const MOMENT = 140;
const LONGEST = 24;

export function listen(onKey, onScan) {
  let typed = "";
  let timer = 0;
  const settle = () => {
    const key = typed;
    typed = "";
    if (key.length === 1) onKey(key.toLowerCase());
  };
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input, select, textarea");
    if (field || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
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
