// What lies on the stage, and what a person makes of it.

import { send } from "./api.js";
import { el, icon, photo, show } from "./dom.js";
import { cap, mode, MODES, setMode, shortcut } from "./keys.js";
import { preview } from "./preview.js";
import { grouped, score, t, time, tOr } from "./words.js";

export class Scan {
  constructor(app) {
    this.app = app;
    this.answer = el("section.card.answer", { "aria-label": t("scan.answer") });
    this.stage = el("p.stage", {});
    this.recent = el("section.card.recent", {});
    this.element = el("div.scan", {},
      el("div.stack.aside", {}, el("figure.card.preview", {}, preview(), this.stage), this.recent, this.keys()),
      this.answer);
  }

  /** How keys choose: by themselves, with Alt, or not. */
  keys() {
    const modes = MODES.map((name) => el("option", { value: name, selected: name === mode() }, t(`keys.${name}`)));
    const choose = (event) => {
      setMode(event.target.value);
      this.app.enrol = null;
      this.app.open();
      document.getElementById("keys")?.focus();
    };
    return el("p.keys.quiet", {}, el("label", { for: "keys" }, t("keys.label")), el("select", { id: "keys", onchange: choose }, ...modes));
  }

  update(view) {
    this.view = view;
    const shown = current(view);
    const stage = shown && shown.number === view.asks ? "asks" : view.stage;
    this.stage.className = `stage ${stage}`;
    this.stage.textContent = t(`stage.${stage}`);
    const key = [view.stage, view.asks, shown, this.app.state.may_answer];
    show(this.answer, key, () => this.draw(shown));
    show(this.recent, [view.recent, this.app.state.may_answer], () => this.list());
  }

  draw(shown) {
    if (!shown) return this.idle();
    if (shown.number === this.view.asks) return this.choice(shown);
    return this.outcome(shown);
  }

  idle() {
    this.answer.className = "card answer wait";
    const { stage } = this.view;
    return el("div.idle", {}, icon(stage === "looking" ? "look" : "scan"), el("p.big", {}, t(`idle.${stage}`)));
  }

  /** An answer that has fallen, by the device or by a person. */
  outcome(shown) {
    const { mood, product } = told(shown);
    this.answer.className = `card answer ${mood}`;
    const words = [el("h1.big", {}, product ? product.title : t("scan.unknown"))];
    if (product) words.push(el("p.gtin", {}, grouped(product.gtin)));
    if (shown.reason && !product) words.push(el("p.why", {}, reason(shown)));
    if (product) words.push(meter(product));
    const body = [product && photo(product), el("div.words", {}, ...words)];
    return [heading(mood, outcomeText(shown)), el("div.body", {}, ...body), this.foot(shown, product)];
  }

  foot(shown, product) {
    const failed = ["failed", "void"].includes(shown.sent);
    const actions = [el(failed ? "span.hint.no" : "span.quiet", {}, tOr(`sent.${shown.sent}`, shown.sent)), el("span.spring")];
    if (this.view.stage === "empty") actions.push(el("span.quiet", {}, t("scan.next")));
    if (correctable(shown)) actions.push(this.notThis(shown, true));
    if (changeable(shown)) actions.push(this.change(shown, true));
    if (!product) actions.push(el("a.button", { href: "#enrol" }, icon("enrol"), t("scan.enrol")));
    return el("div.foot", {}, ...actions);
  }

  notThis(shown, withKey) {
    const attributes = {
      type: "button",
      id: `not-${withKey ? "main" : shown.number}`,
      disabled: !this.app.state.may_answer,
      "aria-keyshortcuts": withKey ? shortcut("N") : null,
      "aria-label": withKey ? null : t("scan.notThisOf", { title: shown.candidates[0].title }),
      onclick: () => this.give(shown.number, "not_this"),
    };
    return el("button", attributes, t("scan.notThis"), withKey && cap("N"));
  }

  /** A wrongly touched tile. */
  change(shown, withKey) {
    return el("button", {
      type: "button",
      id: `change-${withKey ? "main" : shown.number}`,
      disabled: !this.app.state.may_answer,
      "aria-keyshortcuts": withKey ? shortcut("N") : null,
      onclick: () => this.give(shown.number, "take_back"),
    }, t("scan.change"), withKey && cap("N"));
  }

  /** Tiles to choose from. */
  choice(shown) {
    this.answer.className = "card answer ask";
    const tiles = shown.candidates.map((candidate, place) => el("button.tile", {
      type: "button",
      id: `tile-${place + 1}`,
      "aria-keyshortcuts": shortcut(String(place + 1)),
      disabled: !this.app.state.may_answer,
      onclick: () => this.give(shown.number, { product: candidate.gtin }),
    },
    cap(String(place + 1)),
    photo(candidate),
    el("span.words", {}, el("span.name", {}, candidate.title), el("span.gtin", {}, grouped(candidate.gtin)), meter(candidate))));
    const none = el("button", {
      type: "button",
      id: "tile-0",
      "aria-keyshortcuts": shortcut("0"),
      disabled: !this.app.state.may_answer,
      onclick: () => this.give(shown.number, "not_this"),
    }, t("scan.none"), cap("0"));
    const how = mode() === "off" ? "scan.touchOnly" : "scan.touch";
    const hint = t(this.app.state.may_answer ? how : "scan.loginToAnswer");
    const wrong = shown.sent === "void" && el("span.hint.no", {}, t("sent.void"));
    const foot = el("div.foot", {}, wrong || el("span.quiet", {}, hint), el("span.spring"), none);
    return [heading("ask", t("scan.which"), el("span.why", {}, reason(shown))), el("div.tiles", {}, ...tiles), foot];
  }

  list() {
    const lines = this.view.recent.map((shown) => {
      const { mood, product } = told(shown);
      const name = product ? product.title : t("scan.unknown");
      return el("li", {}, mark(mood), el("span.name", { title: name }, name),
        correctable(shown) ? this.notThis(shown, false) : changeable(shown) ? this.change(shown, false) : el("span.quiet.number", {}, time(shown.time)));
    });
    if (!lines.length) return el("h2.quiet", {}, t("scan.nothingYet"));
    return [el("h2", {}, t("scan.recent")), el("ol", {}, ...lines)];
  }

  async give(number, answer) {
    try {
      await send("/api/answer", { number, answer });
    } catch (error) {
      this.app.trouble(error.message);
    }
  }

  /** 1 to 4 choose, 0 is none of them, n takes the last answer back, the device's or one's own. */
  key(key) {
    const shown = this.view && current(this.view);
    if (!shown || !this.app.state.may_answer) return;
    if (shown.number === this.view.asks) {
      const chosen = key >= "1" && key <= "4" ? shown.candidates[Number(key) - 1] : null;
      if (chosen) this.give(shown.number, { product: chosen.gtin });
      if (key === "0") this.give(shown.number, "not_this");
    } else if (key === "n" && correctable(shown)) {
      this.give(shown.number, "not_this");
    } else if (key === "n" && changeable(shown)) {
      this.give(shown.number, "take_back");
    }
  }

  /** A handheld scanner read a product: it answers the question if it is among the tiles, otherwise it may be a new one. */
  scanned(gtin) {
    const shown = this.view && current(this.view);
    const asked = shown && shown.number === this.view.asks;
    const bare = (text) => text.replace(/^0+/, "");
    const chosen = asked && shown.candidates.find((candidate) => bare(candidate.gtin) === bare(gtin));
    if (chosen) return this.give(shown.number, { product: chosen.gtin });
    this.app.enrol.fill(gtin);
    location.hash = "#enrol";
  }
}

/** The presentation that is to be seen: the one that asks, or the last one until the next item is being looked at. */
function current(view) {
  const asking = view.recent.find((shown) => shown.number === view.asks);
  if (asking) return asking;
  return ["decided", "empty"].includes(view.stage) ? view.recent[0] : undefined;
}

/** What was told in the end: how it looks, and which product. */
function told(shown) {
  const chosen = shown.answer?.product;
  if (chosen) return { mood: "yes", product: shown.candidates.find((candidate) => candidate.gtin === chosen) };
  if (shown.answer === "not_this" || shown.verdict === "reject") return { mood: "no", product: null };
  return { mood: shown.verdict === "accept" ? "yes" : "ask", product: shown.candidates[0] };
}

function outcomeText(shown) {
  if (shown.answer?.product) return t("scan.chosen");
  if (shown.answer === "not_this") return t(shown.verdict === "accept" ? "scan.takenBack" : "scan.noneChosen");
  return t(`verdict.${shown.verdict}`);
}

function correctable(shown) {
  return shown.verdict === "accept" && !shown.answer;
}

/** What a person said of a question can be said anew. */
function changeable(shown) {
  return shown.verdict === "ask" && Boolean(shown.answer);
}

function reason(shown) {
  return shown.reason ? tOr(`reason.${shown.reason}`, shown.reason) : t("reason.none");
}

function heading(mood, text, more) {
  return el("div.what", {}, el("span.chip", {}, icon(mood), text), more);
}

export function mark(mood) {
  return el(`span.mark.${mood}`, {}, icon(mood));
}

function meter(product) {
  const text = t("scan.score", { score: score(product.score) });
  return el("span.score", {}, el("meter", { min: "0", max: "1", value: String(Math.max(0, product.score)), "aria-hidden": "true" }), text);
}

/** One sentence for who cannot see the screen. */
export function spoken(view) {
  const shown = current(view);
  if (!shown) return "";
  if (shown.number === view.asks) {
    const names = shown.candidates.map((candidate, place) => `${place + 1}: ${candidate.title}`);
    return `${t("scan.which")} ${reason(shown)} ${names.join(". ")}`;
  }
  const { product } = told(shown);
  return `${outcomeText(shown)}. ${product ? product.title : ""}`;
}
