// The first visit and the login.

import { send } from "./api.js";
import { el } from "./dom.js";
import { t } from "./words.js";

/** Chooses the password with the one-time code. `later` where the display may be seen without. */
export function firstVisit(done, later) {
  const code = field("code", t("gate.code"), { autocomplete: "one-time-code", autocapitalize: "characters", spellcheck: "false", maxlength: "20" });
  const password = field("password", t("gate.newPassword"), { type: "password", autocomplete: "new-password", maxlength: "128" });
  const again = field("again", t("gate.again"), { type: "password", autocomplete: "new-password", maxlength: "128" });
  const submit = (say) => {
    if (password.input.value !== again.input.value) return say(t("gate.differ"));
    return send("/api/setup", { code: code.input.value, password: password.input.value });
  };
  const extra = later && el("button", { type: "button", id: "later", onclick: later }, t("gate.later"));
  return gate(t("gate.welcome"), t("gate.codeHint"), [code, password, again], t("gate.setUp"), submit, done, extra);
}

export function login(done) {
  const password = field("password", t("gate.password"), { type: "password", autocomplete: "current-password", maxlength: "128" });
  const submit = () => send("/api/login", { password: password.input.value });
  return gate(t("gate.login"), t("gate.loginHint"), [password], t("gate.enter"), submit, done);
}

function field(id, label, attributes) {
  const input = el("input", { id, name: id, required: true, ...attributes });
  return { input, element: el("div.field", {}, el("label", { for: id }, label), input) };
}

function gate(title, hint, fields, action, submit, done, extra) {
  const message = el("div", { role: "alert" });
  const say = (text) => message.replaceChildren(el("p.notice.no", { id: "refused" }, text));
  const button = el("button.main", { type: "submit", id: "enter" }, action);
  const onsubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      if ((await submit(say)) !== undefined) done();
    } catch (error) {
      say(error.wait ? t("gate.wait", { seconds: error.wait }) : error.message);
    }
    button.disabled = false;
  };
  setTimeout(() => fields[0].input.focus(), 0);
  return el("form.card.sheet.narrow", { onsubmit, novalidate: true },
    el("h1", {}, title), el("p.quiet", {}, hint), ...fields.map((one) => one.element), message, el("div.row", {}, button, extra));
}
