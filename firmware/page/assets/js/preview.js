// The live picture: the next one is asked for when the last has come, four times a second, while it can be seen.

import { el } from "./dom.js";
import { t } from "./words.js";

const PAUSE = 250;
const PAUSE_WITHOUT = 1500;

export function preview() {
  const picture = el("img.none", { alt: t("scan.preview"), width: 640, height: 480 });
  let count = 0;
  const next = () => {
    if (!picture.isConnected) return;
    if (document.hidden) return setTimeout(next, PAUSE_WITHOUT);
    count += 1;
    picture.src = `/preview.jpg?n=${count}`;
  };
  picture.addEventListener("load", () => {
    picture.classList.remove("none");
    setTimeout(next, PAUSE);
  });
  picture.addEventListener("error", () => {
    picture.classList.add("none");
    setTimeout(next, PAUSE_WITHOUT);
  });
  setTimeout(next, 0);
  return picture;
}
