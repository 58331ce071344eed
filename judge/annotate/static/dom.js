// Small helpers. Whatever comes from a transcript, a model or a person becomes a text node, never markup: the page's policy
// (trusted types, none of them) would stop anything else.

export const find = (id) => document.getElementById(id);

/** An element with attributes and children; strings become text. `on` holds listeners. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on")
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name in { checked: 0, value: 0, disabled: 0, hidden: 0, indeterminate: 0 })
      element[name] = value;
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** Put these children, and none of those that are missing, in the place of what is there. */
export function fill(element, ...children) {
  element.replaceChildren(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
}

/** A button with its key beside its name. */
export function button(text, key, press, attributes = {}) {
  const hint = key ? [" ", make("kbd", {}, key)] : [];
  return make(
    "button",
    { type: "button", "aria-keyshortcuts": key || null, on: { click: press }, ...attributes },
    text,
    ...hint,
  );
}

/** Tell assistive technology, and nobody else. */
export function announce(text) {
  find("status").textContent = text;
}

/** Something that must not be overlooked; an empty text takes it away. */
export function notice(text, ...actions) {
  const box = find("notice");
  box.hidden = !text;
  fill(box, text, ...actions);
}

export const words = (label) => label.replaceAll("_", " ");

export function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${Math.round((s % 3600) / 60)} min`;
}

export const typing = (target) =>
  target.closest?.("textarea, input:not([type=radio]):not([type=checkbox]), select");

/** A quote in few words. */
export function shorten(quote, length = 160) {
  const flat = quote.replace(/\s+/g, " ");
  return flat.length > length ? `${flat.slice(0, length * 0.7)} … ${flat.slice(-length * 0.25)}` : flat;
}
