// A new product: number and name, guided shots, saved.

import { read, send } from "./api.js";
import { el, icon, photo, show } from "./dom.js";
import { isGtin, plain } from "./gtin.js";
import { cap, shortcut } from "./keys.js";
import { preview } from "./preview.js";
import { grouped, score, t, tOr } from "./words.js";

const GUIDES = 4;

export class Enrol {
  constructor(app) {
    this.app = app;
    this.scannedGtin = "";
    this.element = el("div.sheet");
  }

  update(view) {
    this.enrolment = view.enrolment;
    // A saved one is shown until the next is begun, here or on another screen.
    const over = this.enrolment?.saved && this.past === this.enrolment.gtin;
    const now = over ? null : this.enrolment;
    const step = now ? (now.saved ? "saved" : "shots") : "form";
    show(this.element, [step, now?.gtin, this.scannedGtin], () => this.frame(step, now));
    if (step === "shots") this.updateShots(now);
  }

  /** A handheld scanner read a product that is to be enrolled. */
  fill(gtin) {
    this.scannedGtin = gtin;
    this.past = this.enrolment?.saved ? this.enrolment.gtin : this.past;
    if (this.app.view) this.update(this.app.view);
  }

  frame(step, now) {
    const steps = ["form", "shots", "saved"].map((name) =>
      el("li", { "aria-current": name === step ? "step" : null }, t(`enrol.step.${name}`)));
    const body = { form: () => this.form(), shots: () => this.shots(now), saved: () => this.saved(now) }[step]();
    return [el("h1", {}, t("enrol.title")), el("ol.steps", {}, ...steps), body];
  }

  form() {
    const gtin = el("input", { id: "gtin", name: "gtin", inputmode: "numeric", autocomplete: "off", maxlength: "24", value: this.scannedGtin });
    const title = el("input", { id: "title", name: "title", autocomplete: "off", maxlength: "200" });
    const category = el("input", { id: "category", name: "category", autocomplete: "off", maxlength: "100" });
    const hint = el("p.hint", { id: "gtin-hint", "aria-live": "polite" }, t("enrol.gtinHint"));
    const go = el("button.main", { type: "submit", id: "begin" }, t("enrol.begin"));
    const judge = () => this.judge(plain(gtin.value), hint, title, category);
    gtin.setAttribute("aria-describedby", "gtin-hint");
    gtin.addEventListener("input", judge);
    gtin.addEventListener("keydown", (event) => {
      // What a scanner types ends with Enter: on to the name instead of sending half a form.
      if (event.key !== "Enter" || title.value) return;
      event.preventDefault();
      gtin.value = plain(gtin.value);
      if (isGtin(gtin.value)) title.focus();
    });
    const begin = (event) => {
      event.preventDefault();
      this.take({ begin: { gtin: plain(gtin.value), title: title.value.trim(), category: category.value.trim() } });
    };
    if (this.scannedGtin) judge();
    setTimeout(() => (this.scannedGtin ? title : gtin).focus(), 0);
    return el("form.card.narrow", { onsubmit: begin, novalidate: true },
      el("div.field", {}, el("label", { for: "gtin" }, t("enrol.gtin")), gtin, hint),
      el("div.field", {}, el("label", { for: "title" }, t("enrol.name")), title),
      el("div.field", {}, el("label", { for: "category" }, t("enrol.category")), category),
      el("div.row", {}, go));
  }

  async judge(gtin, hint, title, category) {
    const say = (mood, text) => {
      hint.className = `hint ${mood}`;
      hint.textContent = text;
    };
    if (gtin.length < 8) return say("", t("enrol.gtinHint"));
    if (!isGtin(gtin)) return say("no", t("enrol.gtinWrong"));
    say("yes", t("enrol.gtinRight"));
    const known = await read("/api/find", { text: gtin }).catch(() => []);
    // A product that is known keeps its name; the new pictures are added to it.
    const bare = (text) => text.replace(/^0+/, "");
    const same = known.find((line) => bare(line.gtin) === bare(gtin));
    if (!same) return;
    say("yes", t("enrol.gtinKnown", { title: same.title }));
    title.value = same.title;
    category.value = same.category;
  }

  shots(now) {
    this.guide = el("p.guide", { role: "status" });
    this.refusal = el("div", { role: "alert" });
    this.taken = el("ol.shots");
    this.like = el("div");
    this.shoot = el("button.main.wide", { type: "button", id: "shoot", "aria-keyshortcuts": shortcut(" "), onclick: () => this.take("shot") }, t("enrol.shoot"), cap(" "));
    this.save = el("button.main", { type: "button", id: "save", onclick: () => this.take("save") }, t("enrol.save"));
    const cancel = el("button", { type: "button", id: "cancel", onclick: () => this.take("cancel") }, t("enrol.cancel"));
    return el("div.two", {},
      el("div.stack", {}, el("figure.card.preview", {}, preview()), this.shoot),
      el("div.card.stack", {},
        el("div", {}, el("h2", {}, now.title), el("p.quiet.number", {}, grouped(now.gtin))),
        this.guide, this.refusal, this.taken, this.like,
        el("div.row", {}, this.save, cancel)));
  }

  updateShots(now) {
    const count = now.shots.length;
    const full = count >= now.most;
    this.guide.textContent = now.waiting ? t("enrol.waiting") : full ? t("enrol.full") : t(`enrol.guide.${Math.min(count, GUIDES - 1)}`);
    this.shoot.disabled = now.waiting || full;
    this.shoot.classList.toggle("main", count < now.enough);
    this.save.disabled = now.waiting || count < now.enough;
    show(this.refusal, now.refused, () => now.refused && el("p.notice.no", {}, tOr(`refused.${now.refused}`, now.refused)));
    show(this.taken, [now.shots.map((shot) => shot.thumbnail), now.enough], () => {
      const taken = now.shots.map((shot, place) => this.thumbnail(shot, place));
      const open = Math.max(0, now.enough - count);
      return [...taken, ...Array.from({ length: open }, (_, more) => el("li", { "aria-hidden": "true" }, String(count + more + 1)))];
    });
    show(this.like, now.lookalikes, () => now.lookalikes.length && el("div.notice.ask", {},
      el("p", {}, t("enrol.lookalike")),
      ...now.lookalikes.map((like) => el("div.like", {}, photo(like), el("span", {}, like.title), el("span.number", {}, score(like.score))))));
  }

  thumbnail(shot, place) {
    // Base64 of the device's own picture; anything else is not shown.
    const sound = /^[A-Za-z0-9+/=]*$/.test(shot.thumbnail) ? shot.thumbnail : "";
    const label = t("enrol.dropShot", { number: place + 1 });
    return el("li.taken", {},
      el("img", { src: `data:image/jpeg;base64,${sound}`, alt: t("enrol.shotOf", { number: place + 1 }) }),
      el("button", { type: "button", "aria-label": label, title: label, onclick: () => this.take({ drop: place }) }, icon("no")));
  }

  saved(now) {
    const another = () => {
      this.past = now.gtin;
      this.scannedGtin = "";
      this.update(this.app.view);
    };
    return el("div.card.stack", {},
      el("p.notice.yes", { role: "status" }, t("enrol.saved")),
      el("p.big", {}, now.title), el("p.gtin", {}, grouped(now.gtin)),
      el("div.row", {},
        el("button.main", { type: "button", id: "another", onclick: another }, t("enrol.another")),
        el("button", { type: "button", id: "undo", onclick: () => this.take("undo") }, t("enrol.undo"))));
  }

  async take(step) {
    try {
      const title = this.enrolment?.title ?? "";
      await send("/api/enrol", step);
      if (step === "save") this.scannedGtin = "";
      if (step === "cancel" || step === "undo") this.app.tell(t(`enrol.done.${step}`, { title }));
    } catch (error) {
      this.app.trouble(error.message);
    }
  }

  /** The space bar takes a shot: one hand holds the item. */
  key(key) {
    if (key === " " && this.shoot?.isConnected && !this.shoot.disabled) this.take("shot");
  }

  scanned(gtin) {
    if (!this.enrolment || this.enrolment.saved) this.fill(gtin);
  }
}
