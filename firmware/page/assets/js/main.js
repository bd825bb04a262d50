// Puts the page together: which tab, who is logged in, what the device says.

import { read, send } from "./api.js";
import { Device } from "./device.js";
import { el, show } from "./dom.js";
import { Enrol } from "./enrol.js";
import { Feed } from "./feed.js";
import { firstVisit, login } from "./gate.js";
import { listen } from "./keys.js";
import { Log } from "./log.js";
import { Scan, spoken } from "./scan.js";
import { loadWords, t, troubleText } from "./words.js";

/** Milliseconds between two tries to reach a device that is gone. */
const RETRY = 2000;
const TABS = ["scan", "enrol", "log", "device"];
const byId = (id) => document.getElementById(id);

class App {
  constructor() {
    this.note = null;
    this.lost = false;
    this.feed = new Feed((view) => this.onView(view), () => this.onLost());
  }

  async start() {
    byId("language").value = await loadWords();
    byId("language").addEventListener("change", (event) => this.speak(event.target.value));
    byId("session").addEventListener("click", () => this.session());
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault();
      byId("main").focus();
    });
    document.addEventListener("logged-out", () => this.standing());
    window.addEventListener("hashchange", () => this.open());
    listen((key) => this.panel?.key?.(key), (gtin) => this.panel?.scanned?.(gtin));
    await this.standing();
  }

  async speak(language) {
    await loadWords(language);
    this.enrol = null;
    this.open();
  }

  /** Asks the device who this browser is, then opens what it may see; what is open already stays as it is. */
  async standing() {
    clearTimeout(this.retry);
    const before = JSON.stringify(this.state);
    try {
      this.state = await read("/api/state");
    } catch {
      return this.onLost();
    }
    this.feed.stop();
    if (this.state.may_look) this.feed.start();
    else this.lost = false;
    if (JSON.stringify(this.state) !== before) this.open();
    this.banners();
  }

  async session() {
    if (this.state.logged_in) {
      await send("/api/logout").catch(() => {});
      this.note = null;
      return this.standing();
    }
    this.entering = true;
    this.open();
  }

  open() {
    const wanted = location.hash.slice(1);
    this.tab = TABS.includes(wanted) ? wanted : "scan";
    for (const link of byId("tabs").children) {
      const here = link.getAttribute("href") === `#${this.tab}`;
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    byId("session").textContent = t(this.state.logged_in ? "gate.logout" : "gate.login");
    this.panel = this.makePanel();
    byId("main").replaceChildren(this.panel.element);
    if (this.view) this.panel.update?.(this.view);
    this.banners();
  }

  makePanel() {
    const entered = () => {
      this.entering = false;
      this.standing();
    };
    const { set_up, logged_in, may_look } = this.state;
    const later = () => {
      this.laterChosen = true;
      this.entering = false;
      location.hash = "#scan";
      this.open();
    };
    const wantsLogin = this.entering || this.tab !== "scan" || !may_look;
    if (!set_up && (wantsLogin || !this.laterChosen)) return { element: firstVisit(entered, may_look && later) };
    if (!logged_in && wantsLogin) return { element: login(entered) };
    this.enrol ??= new Enrol(this);
    return { scan: () => new Scan(this), enrol: () => this.enrol, log: () => new Log(this), device: () => new Device(this) }[this.tab]();
  }

  onView(view) {
    const first = !this.view;
    this.view = view;
    if (this.lost) this.lost = false;
    this.enrol ??= new Enrol(this);
    this.panel?.update?.(view);
    this.banners();
    const sentence = spoken(view);
    if (!first && sentence !== byId("spoken").textContent) byId("spoken").textContent = sentence;
  }

  /** The device is gone, or does not let this browser look any more. */
  onLost() {
    this.lost = true;
    this.banners();
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.standing(), RETRY);
  }

  /** Says that something was refused, until the next thing is done. */
  trouble(text) {
    this.say("no", text);
  }

  tell(text) {
    this.say("info", text);
  }

  say(mood, text) {
    this.note = { mood, text };
    clearTimeout(this.noteTimer);
    this.noteTimer = setTimeout(() => {
      this.note = null;
      this.banners();
    }, 8000);
    this.banners();
  }

  banners() {
    const lines = [];
    if (this.lost) lines.push({ mood: "no", text: t("banner.lost") });
    for (const trouble of this.view?.troubles ?? []) {
      // The one that is a warning: the device works.
      lines.push({ mood: trouble.code === "E990" ? "ask" : "no", text: troubleText(trouble) });
    }
    const percent = this.view?.update.percent ?? null;
    // In steps: each is read aloud.
    if (percent !== null && this.tab !== "device") lines.push({ mood: "info", text: t("device.percent", { percent: percent - (percent % 10) }) });
    const enrolment = this.view?.enrolment;
    if (enrolment && !enrolment.saved && this.tab !== "enrol") {
      lines.push({ mood: "ask", text: t("banner.enrolment", { title: enrolment.title }), link: "#enrol", linkText: t("banner.goOn") });
    }
    if (this.note) lines.push(this.note);
    show(byId("banners"), lines, () => lines.map(({ mood, text, link, linkText }) =>
      el(`p.banner.${mood}`, {}, text, link && el("a", { href: link }, linkText))));
  }
}

new App().start();
