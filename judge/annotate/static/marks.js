// Evidence and search results, painted by the CSS Custom Highlight API: text nodes stay as they are.

import { notice } from "./dom.js";

const KINDS = ["judge", "other-a", "other-b", "mine", "search", "found"];
const PAINTED = 5000;

/** Browsers that lack it (Firefox before 140, Safari before 17.2) show the text and the lists, without marks. */
const able = "highlights" in CSS;

export class Marks {
  constructor(reader) {
    this.reader = reader;
    if (!able)
      notice(
        "This browser cannot paint marks in the text. Chromium 105, Firefox 140, Safari 17.2 or newer can.",
      );
    this.spans = new Map(KINDS.map((kind) => [kind, []]));
    this.highlights = new Map();
    for (const [priority, kind] of able ? KINDS.entries() : []) {
      const highlight = new Highlight();
      highlight.priority = priority;
      this.highlights.set(kind, highlight);
      CSS.highlights.set(kind, highlight);
    }
  }

  /** Paint spans `{message, start, end}` (UTF-16 offsets) as this kind, in place of those before. */
  set(kind, spans) {
    this.spans.set(kind, spans);
    const highlight = this.highlights.get(kind);
    highlight?.clear();
    for (const span of highlight ? spans.slice(0, PAINTED) : []) {
      const range = span.message.range(span.start, span.end);
      if (range) highlight.add(range);
    }
  }

  /** Spans of evidence that names a message, characters and a quote; what is not at its place is left out. */
  located(evidence) {
    const spans = [];
    for (const item of evidence) {
      const message = this.reader.byId.get(item.message_id);
      if (!message) continue;
      const start = message.units(item.start);
      const end = message.units(item.end);
      if (message.text.slice(start, end) === item.quote) spans.push({ message, start, end, item });
    }
    return spans;
  }

  /** All evidence in reading order. */
  evidence() {
    return KINDS.slice(0, 4)
      .flatMap((kind) => this.spans.get(kind).map((span) => ({ ...span, kind })))
      .sort((a, b) => a.message.number - b.message.number || a.start - b.start);
  }
}

export class Search {
  constructor(reader, marks) {
    this.reader = reader;
    this.marks = marks;
    this.hits = [];
    this.at = -1;
  }

  run(query) {
    this.hits = [];
    this.at = -1;
    if (query) {
      const pattern = new RegExp(
        query.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&").replace(/\s+/g, "\\s+"),
        "giu",
      );
      for (const message of this.reader.messages) {
        for (const match of message.text.matchAll(pattern)) {
          this.hits.push({ message, start: match.index, end: match.index + match[0].length });
        }
      }
    }
    this.marks.set("search", this.hits);
    this.marks.set("found", []);
    const top = this.reader.current >= 0 ? this.reader.current + 1 : this.reader.top() + 1;
    const next = this.hits.findIndex((hit) => hit.message.number >= top);
    if (this.hits.length) this.go(next < 0 ? 0 : next);
  }

  go(index) {
    this.at = (index + this.hits.length) % this.hits.length;
    const hit = this.hits[this.at];
    this.marks.set("found", [hit]);
    this.reader.mark(hit.message.number - 1);
    if (hit.message.folded) hit.message.toggle(false);
    this.reader.show(hit.message.range(hit.start, hit.end), "center", 6);
  }

  step(by) {
    if (this.hits.length) this.go(this.at + by);
  }

  get current() {
    return this.hits[this.at];
  }
}
