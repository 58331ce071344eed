// Above the text: which transcript this is, what kinds of messages it has, and the search.

import { make } from "./dom.js";
import { Search } from "./marks.js";

const PAUSE = 120;

export class Toolbar {
  constructor(work) {
    this.work = work;
    this.search = new Search(work.reader, work.marks);
    this.hits = make("span", { class: "hits", role: "status" });
    this.query = make("input", {
      type: "search",
      id: "search",
      placeholder: "Search",
      "aria-label": "Search this transcript",
      on: { input: () => this.soon(), keydown: (event) => this.press(event) },
    });
    const place = `${work.item.number} / ${work.desk.items.length}`;
    const kinds = [...work.reader.kinds()].map(([label, count]) => this.chip(label, count));
    this.element = make(
      "div",
      { class: "tools" },
      make("h1", {}, make("span", { class: "number" }, place), " ", work.item.id),
      make("div", { class: "chips", role: "group", "aria-label": "Kinds of messages" }, ...kinds),
      make("div", { class: "searching" }, this.query, make("kbd", {}, "/"), this.hits),
    );
  }

  /** A kind of messages; pressed, all of them are folded. */
  chip(label, count) {
    const chip = make(
      "button",
      { type: "button", class: "chip", "aria-pressed": "true", title: `Fold or unfold: ${label}` },
      label,
      " ",
      make("span", { class: "n" }, String(count)),
    );
    chip.addEventListener("click", () => {
      const folded = chip.getAttribute("aria-pressed") === "true";
      chip.setAttribute("aria-pressed", String(!folded));
      this.work.reader.foldKind(label, folded);
      this.work.minimap.draw();
    });
    return chip;
  }

  focus() {
    this.query.focus();
    this.query.select();
  }

  press(event) {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.step(event.shiftKey ? -1 : 1);
  }

  soon() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.run(), PAUSE);
  }

  run() {
    clearTimeout(this.waiting);
    this.asked = this.query.value;
    this.search.run(this.asked);
    this.said();
  }

  /** The next match; a search that has not run yet, because the words are fresh, shows its first. */
  step(by) {
    if (this.query.value !== this.asked) this.run();
    else this.search.step(by);
    this.said();
  }

  said() {
    const { hits, at } = this.search;
    const count = (number) => number.toLocaleString("en");
    this.hits.textContent = hits.length
      ? `${count(at + 1)} of ${count(hits.length)}`
      : this.asked
        ? "not found"
        : "";
    this.work.minimap.draw();
  }
}
