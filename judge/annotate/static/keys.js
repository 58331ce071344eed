// Every key, in one table: what it does, and what the help says about it. Single keys can be switched off.

import { fill, find, make, typing } from "./dom.js";

const OFF = "single-keys";

export class Keys {
  constructor() {
    this.table = () => [];
    addEventListener("keydown", (event) => this.press(event));
  }

  get on() {
    return localStorage.getItem(OFF) !== "off";
  }

  /** The keys of a view: a function to groups `[title, [[key, what, action], ...]]`. Those of the view before are forgotten. */
  use(table) {
    this.table = table;
  }

  get groups() {
    return this.table();
  }

  press(event) {
    const control = event.ctrlKey || event.metaKey;
    if (find("help").open || find("rulings").open || event.altKey || event.isComposing) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      else if (event.key === "Enter" && control) this.run("Enter", event);
      return;
    }
    if (control) {
      if (event.key.toLowerCase() === "z" && this.on) this.run(event.shiftKey ? "Z" : "z", event);
      else if (event.key === "Enter") this.run("Enter", event);
      return;
    }
    if (event.key === "Enter" && event.target.closest("button, a, summary")) return;
    if (event.key === " " && event.target.closest("button, a, summary, input")) return;
    if (!this.on && event.key.length === 1) return;
    if (event.key === "Enter" && event.repeat) return; // a key held down commits one transcript, not all
    const row = /^Digit(\d)$/.exec(event.code);
    if (/^\d$/.test(event.key)) this.run("digit", event, (Number(event.key) + 9) % 10);
    else if (row && !"/?.,".includes(event.key))
      this.run(event.shiftKey ? "⇧digit" : "digit", event, (Number(row[1]) + 9) % 10);
    else if (event.shiftKey && event.key.startsWith("Arrow")) this.run(`⇧${event.key}`, event);
    else if (!event.key.startsWith("Arrow") || !event.target.closest("input")) this.run(event.key, event);
  }

  run(key, event, value) {
    for (const [, keys] of this.groups) {
      for (const [name, , action] of keys) {
        if (name.split(" ").includes(key) && action) {
          if (action(value, key, event) !== false) event.preventDefault();
          return;
        }
      }
    }
  }

  help() {
    const dialog = find("help");
    const box = make("input", {
      type: "checkbox",
      id: "single",
      checked: this.on,
      on: { change: () => localStorage.setItem(OFF, box.checked ? "on" : "off") },
    });
    fill(
      dialog,
      make("h2", { id: "help-title" }, "Keys"),
      make(
        "div",
        { class: "groups", tabindex: "0" },
        ...this.groups.map(([title, keys]) =>
          make(
            "section",
            {},
            make("h3", {}, title),
            make(
              "dl",
              {},
              ...keys
                .filter(([, what]) => what)
                .map(([name, what]) =>
                  make(
                    "div",
                    {},
                    make("dt", {}, ...name.split(" ").map((key) => make("kbd", {}, shown(key)))),
                    make("dd", {}, what),
                  ),
                ),
            ),
          ),
        ),
      ),
      make(
        "p",
        {},
        box,
        make(
          "label",
          { for: "single" },
          "Single keys do something (switch off if they get in the way of a screen reader or of speech)",
        ),
      ),
      make(
        "button",
        { type: "button", class: "close", on: { click: () => dialog.close() } },
        "Close ",
        make("kbd", {}, "Esc"),
      ),
    );
    dialog.showModal();
  }
}

function shown(key) {
  const names = {
    digit: "1 … 0",
    "⇧digit": "⇧1 …",
    "⇧ArrowRight": "⇧→",
    "⇧ArrowLeft": "⇧←",
    ArrowDown: "↓",
    ArrowUp: "↑",
  };
  return names[key] || (/^[A-Z]$/.test(key) ? `⇧${key.toLowerCase()}` : key);
}
