// What happened on a day, and which products were taken for each other.

import { read } from "./api.js";
import { el, show } from "./dom.js";
import { mark } from "./scan.js";
import { grouped, number, t, time, tOr } from "./words.js";

export class Log {
  constructor(app) {
    this.app = app;
    this.day = el("input", { type: "date", id: "day", onchange: () => this.load() });
    this.content = el("div.stack");
    const step = (days) => () => this.move(days);
    this.element = el("div.sheet", {},
      el("h1", {}, t("log.title")),
      el("div.row", {},
        el("button", { type: "button", id: "day-before", "aria-label": t("log.before"), onclick: step(-1) }, "‹"),
        el("div", {}, el("label.spoken", { for: "day" }, t("log.day")), this.day),
        el("button", { type: "button", id: "day-after", "aria-label": t("log.after"), onclick: step(1) }, "›")),
      this.content);
    this.load();
  }

  move(days) {
    const day = new Date(`${this.day.value}T12:00:00Z`);
    if (Number.isNaN(day.getTime())) return;
    day.setUTCDate(day.getUTCDate() + days);
    this.day.value = day.toISOString().slice(0, 10);
    this.load();
  }

  async load() {
    try {
      const log = await read("/api/log", this.day.value ? { day: this.day.value } : {});
      // Where no day was chosen the device says which is today: its clock counts, not this browser's.
      this.today ??= log.day;
      this.day.value = log.day || this.day.value;
      show(this.content, log, () => this.draw(log));
    } catch (error) {
      this.app.trouble(error.message);
    }
  }

  update(view) {
    const { presentations, corrected } = view.counts;
    const answers = view.recent.filter((shown) => shown.answer).length;
    const key = `${presentations} ${corrected} ${answers} ${view.asks}`;
    if (key === this.seen) return;
    if (this.seen && this.day.value === this.today) this.load();
    this.seen = key;
  }

  draw(log) {
    if (!log.presentations.length) return el("p.card.quiet", {}, t("log.empty"));
    const counts = ["presentations", "accepted", "asked", "rejected", "corrected"].map((name) =>
      el("div", {}, el("dt", {}, t(`count.${name}`)), el("dd", {}, number(log.counts[name]))));
    return [
      el("dl.counts", {}, ...counts),
      el("section.card", {}, el("h2", {}, t("log.confusions")), this.confusions(log.confusions)),
      el("section.card", {}, el("h2", {}, t("log.presentations")), el("ol.lines", {}, ...log.presentations.map(line))),
    ];
  }

  confusions(confusions) {
    if (!confusions.length) return el("p.quiet", {}, t("log.noConfusions"));
    return el("ol.lines", {}, ...confusions.map((confusion) => el("li", {},
      el("strong.number", {}, `${number(confusion.times)} ×`), mark("no"),
      el("span.words", {}, t("log.said", { title: confusion.said.title })),
      el("span.quiet", {}, confusion.was ? t("log.was", { title: confusion.was.title }) : t("log.wasNot")))));
  }

  key() {}
  scanned() {}
}

function line(shown) {
  const best = shown.candidates[0];
  const chosen = shown.candidates.find((candidate) => candidate.gtin === shown.answer?.product);
  const withdrawn = shown.answer === "not_this";
  const mood = withdrawn || shown.verdict === "reject" ? "no" : shown.verdict === "ask" && !chosen ? "ask" : "yes";
  const product = chosen ?? (shown.verdict === "accept" ? best : null);
  const perhaps = mood === "ask" ? "log.perhaps" : "log.nearest";
  const name = product ? product.title : best ? t(perhaps, { title: best.title }) : t("scan.unknown");
  const details = [product && grouped(product.gtin), shown.reason && tOr(`reason.${shown.reason}`, shown.reason)];
  const outcome = withdrawn ? t(shown.verdict === "accept" ? "scan.takenBack" : "scan.noneChosen") : chosen ? t("scan.chosen") : t(`verdict.${shown.verdict}`);
  return el("li", {},
    el("span.quiet.number", {}, time(shown.time)), mark(mood),
    el("span.words", {}, el("strong", {}, name), el("br"), el("span.quiet.number", {}, details.filter(Boolean).join(" · "))),
    el("span.quiet", {}, outcome));
}
