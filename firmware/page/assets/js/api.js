// Requests to the device.

import { t, tOr } from "./words.js";

/** What the device refused, in words. */
export class Refused extends Error {
  constructor(status, answer) {
    const fault = answer?.fault;
    const text = fault ? tOr(`error.${fault.code}`, `${fault.title}: ${fault.got}. ${fault.remedy}.`) : t("error.connection");
    super(fault ? `${fault.code}: ${text}` : text);
    this.status = status;
    this.code = fault?.code;
    this.wait = answer?.wait_seconds;
  }
}

async function ask(address, options) {
  let response;
  try {
    response = await fetch(address, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Refused(0);
  }
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  const answer = isJson ? await response.json() : null;
  if (!response.ok) {
    if (response.status === 401) document.dispatchEvent(new Event("logged-out"));
    throw new Refused(response.status, answer);
  }
  return answer;
}

export function read(address, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  return ask(query ? `${address}?${query}` : address);
}

export function send(address, body = {}) {
  return ask(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Skueye": "1" },
    body: JSON.stringify(body),
  });
}
