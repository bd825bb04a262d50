// Makes elements. Text is only ever set as text: no markup is made of anything.

/** An element: `kind` as "tag.class.class", attributes, then children (elements or text). */
export function el(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list" && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** One of the symbols of index.html. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

const later = new WeakMap();

/** Puts what `make` gives into `place` unless `key` says that it is there already; what has the focus keeps it by its id. What is
 * being pressed stays until it is let go: a button that is replaced between press and release never gets its click. */
export function show(place, key, make) {
  clearTimeout(later.get(place));
  const text = JSON.stringify(key);
  if (place.dataset.key === text) return;
  if (place.querySelector("button:active")) {
    later.set(place, setTimeout(() => show(place, key, make), 50));
    return;
  }
  const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
  place.dataset.key = text;
  place.replaceChildren(...[make()].flat().filter(Boolean));
  if (focused) document.getElementById(focused)?.focus();
}

/** A product's photo, or a drawn box where there is none. */
export function photo(product) {
  if (!product.photo) return el("div.shot.blank", {}, icon("box"));
  return el("img.shot", { src: `/photo/${encodeURIComponent(product.gtin)}.jpg`, alt: "" });
}
