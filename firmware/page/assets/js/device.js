// Whether the device works, its settings and its update.

import { read } from "./api.js";
import { el, show } from "./dom.js";
import { mark } from "./scan.js";
import { number, t, troubleText } from "./words.js";

const PARTS = ["camera", "model", "gallery", "link"];

export class Device {
  constructor(app) {
    this.app = app;
    this.figures = el("dl.counts");
    this.parts = el("section.card", {});
    this.update_ = el("section.card", {});
    this.settings = el("section.card", {});
    const check = el("button", { type: "button", id: "check", onclick: () => this.load() }, t("device.check"));
    this.element = el("div.sheet", {},
      el("div.row", {}, el("h1", {}, t("device.title")), check),
      this.figures, this.parts, this.update_, this.settings);
    this.load();
  }

  async load() {
    try {
      const [health, problems] = await Promise.all([read("/api/health"), read("/api/settings")]);
      show(this.parts, health, () => [el("h2", {}, t("device.parts")), el("ul.parts", {}, ...PARTS.map((part) => this.part(part, health[part])),
        health.scores && this.part("scores", health.scores, "ask"))]);
      show(this.settings, problems, () => [el("h2", {}, t("device.settings")), this.problems(problems)]);
    } catch (error) {
      this.app.trouble(error.message);
    }
  }

  part(name, trouble, bad = "no") {
    const words = [el("strong", {}, t(`part.${name}`)), el("br")];
    words.push(trouble ? troubleText(trouble) : el("span.quiet", {}, t("device.works")));
    return el("li", {}, mark(trouble ? bad : "yes"), el("p", {}, ...words));
  }

  problems(problems) {
    if (!problems.length) return el("p.quiet", {}, t("device.settingsSound"));
    return el("ul.parts", {}, ...problems.map((problem) => el("li", {}, mark("ask"), el("p", {}, problem))));
  }

  update(view) {
    const troubles = view.troubles.map((trouble) => trouble.code).join();
    if (this.seen !== undefined && this.seen !== troubles) this.load();
    this.seen = troubles;
    const latency = view.latency_ms === null ? "–" : t("device.ms", { value: number(view.latency_ms) });
    const figures = { fps: number(view.fps, 1), latency, products: number(view.products) };
    show(this.figures, figures, () => Object.entries(figures).map(([name, value]) =>
      el("div", {}, el("dt", {}, t(`fact.${name}`)), el("dd", {}, value))));
    show(this.update_, view.update, () => this.progress(view.update));
  }

  progress({ release, staged, percent }) {
    const lines = [el("h2", {}, t("device.update")), el("p", {}, release ? t("device.release", { release }) : t("device.noRelease"))];
    if (staged) lines.push(el("p.notice.ask", {}, t("device.staged", { release: staged })));
    if (percent !== null) {
      const text = t("device.percent", { percent: number(percent) });
      lines.push(el("label", {}, text, el("progress", { max: "100", value: String(percent) })));
    }
    return el("div.stack", {}, ...lines);
  }

  key() {}
  scanned() {}
}
