// The transcript: every message, numbered, foldable, as plain text nodes. Long texts are cut into pieces that the browser
// lays out only when they come near (`content-visibility`); nothing is ever rewritten, so an offset stays what it was.
// Offsets outside this file count Unicode characters, as Python does; the browser counts UTF-16 units.

import { make, words } from "./dom.js";

const PIECE = 8000;
const PER_LINE = 92;
const CHANNELS = {
  text: { user: "user", assistant: "reply", system: "system", tool: "tool" },
  reasoning: "reasoning",
  reasoning_summary: "reasoning summary",
  redacted_reasoning: "reasoning withheld",
  tool_call: "tool call",
  tool_result: "tool result",
};
const INVISIBLE =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

export class Message {
  constructor(data, number) {
    Object.assign(this, data);
    this.number = number;
    this.label =
      typeof CHANNELS[this.channel] === "string" ? CHANNELS[this.channel] : CHANNELS.text[this.role];
    this.astral = /[\ud800-\udfff]/.test(this.text);
    this.pieces = [];
    this.element = this.draw();
  }

  /** Characters before a UTF-16 offset. */
  points(units) {
    if (!this.astral) return units;
    let count = 0;
    for (let at = 0; at < units; at += this.text.codePointAt(at) > 0xffff ? 2 : 1) count += 1;
    return count;
  }

  /** The UTF-16 offset after so many characters. */
  units(points) {
    if (!this.astral) return points;
    let at = 0;
    for (let count = 0; count < points && at < this.text.length; count += 1)
      at += this.text.codePointAt(at) > 0xffff ? 2 : 1;
    return at;
  }

  draw() {
    const hidden = this.text.match(INVISIBLE)?.length || 0;
    const size = this.text.split(/\s+/).length;
    this.fold = make(
      "button",
      { type: "button", class: "fold", "aria-expanded": "true", on: { click: () => this.toggle() } },
      make("span", { class: "number" }, this.id),
      " ",
      make("span", { class: "label" }, this.label),
      this.tool && make("span", { class: "tool" }, " ", this.tool),
    );
    const facts = make(
      "span",
      { class: "facts" },
      hidden
        ? make("span", { class: "invisible" }, `${hidden} invisible character${hidden > 1 ? "s" : ""} · `)
        : null,
      `${size.toLocaleString("en")} word${size === 1 ? "" : "s"} · turn ${this.turn}`,
    );
    this.body = make("div", { class: "text", dir: "auto" });
    let lines = 0;
    for (const [start, end] of cuts(this.text)) {
      const part = this.text.slice(start, end);
      const node = document.createTextNode(part);
      const piece = make("div", { class: "piece" }, node);
      const height = lineCount(part);
      lines += height;
      this.pieces.push({ node, start, end });
      if (this.text.length > PIECE) piece.style.containIntrinsicBlockSize = `auto ${height * 1.55}em`;
      this.body.append(piece);
    }
    if (this.channel === "redacted_reasoning" && !this.text)
      this.body.append(make("p", { class: "gone" }, "Reasoning was here and has been withheld."));
    const name = this.channel === "text" ? this.role : this.channel;
    const element = make(
      "article",
      {
        class: `message ${name}`,
        id: `m${this.number}`,
        tabindex: "-1",
        "aria-label": `${this.id}, ${this.label}`,
      },
      make("header", {}, make("h2", {}, this.fold), facts),
      this.body,
    );
    element.style.containIntrinsicBlockSize = `auto ${Math.round(lines * 25 + 62)}px`;
    return element;
  }

  get folded() {
    return this.fold.getAttribute("aria-expanded") === "false";
  }

  toggle(folded = !this.folded) {
    this.fold.setAttribute("aria-expanded", String(!folded));
    this.element.classList.toggle("folded", folded);
  }

  /** A DOM range over UTF-16 offsets, or null where the text has no such place. */
  range(start, end) {
    const from = this.pieces.find((piece) => start < piece.end);
    const to = this.pieces.find((piece) => end <= piece.end);
    if (!from || !to || start < 0 || end <= start) return null;
    const range = document.createRange();
    range.setStart(from.node, start - from.start);
    range.setEnd(to.node, end - to.start);
    return range;
  }
}

/** Where a text is cut: after a line's end where there is one near, never inside a character. */
function* cuts(text) {
  let start = 0;
  while (text.length - start > PIECE) {
    let end = text.lastIndexOf("\n", start + PIECE) + 1;
    if (end <= start + PIECE / 2) end = start + PIECE;
    const code = text.charCodeAt(end - 1);
    if (code >= 0xd800 && code <= 0xdbff) end += 1;
    yield [start, end];
    start = end;
  }
  if (start < text.length) yield [start, text.length];
}

function lineCount(text) {
  let lines = 1;
  let from = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
    lines += Math.max(1, Math.ceil((at - from) / PER_LINE));
    from = at + 1;
  }
  return lines + Math.floor((text.length - from) / PER_LINE);
}

export class Reader {
  constructor(transcript, moved) {
    this.messages = transcript.messages.map((data, index) => new Message(data, index + 1));
    this.byId = new Map(this.messages.map((message) => [message.id, message]));
    this.nodes = new Map(
      this.messages.flatMap((message) => message.pieces.map((piece) => [piece.node, [message, piece]])),
    );
    this.current = -1;
    this.element = make(
      "section",
      { class: "reader", id: "reader", tabindex: "0", "aria-label": "Transcript" },
      around(transcript),
      ...this.messages.map((message) => message.element),
      make("p", { class: "end" }, "End of the transcript"),
    );
    this.element.addEventListener("scroll", () => requestAnimationFrame(moved), { passive: true });
    this.element.addEventListener("click", (event) => {
      const article = event.target.closest("article");
      if (article) this.mark(Number(article.id.slice(1)) - 1);
    });
  }

  /** The kinds of messages there are, with how many of each. */
  kinds() {
    const kinds = new Map();
    for (const message of this.messages) kinds.set(message.label, (kinds.get(message.label) || 0) + 1);
    return kinds;
  }

  foldKind(label, folded) {
    for (const message of this.messages) if (message.label === label) message.toggle(folded);
  }

  mark(index) {
    this.messages[this.current]?.element.classList.remove("current");
    this.current = index;
    this.messages[index]?.element.classList.add("current");
  }

  /** The first message in view. */
  top() {
    const edge = this.element.getBoundingClientRect().top + 8;
    let low = 0;
    let high = this.messages.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.messages[middle].element.getBoundingClientRect().bottom < edge) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  step(by) {
    const view = this.element.getBoundingClientRect();
    const at = this.messages[this.current]?.element.getBoundingClientRect();
    const inView = at && at.bottom > view.top && at.top < view.bottom;
    const next = inView ? this.current + by : this.top();
    const index = Math.min(Math.max(next, 0), this.messages.length - 1);
    this.mark(index);
    this.show(this.messages[index].element, "start");
    return this.messages[index];
  }

  /** Scroll until an element or a range is where it should be. Heights are estimates until they are laid out, so look twice. */
  show(target, block = "center", tries = 6) {
    if (!target) return;
    const article = (target.startContainer ? target.startContainer.parentElement : target).closest("article");
    const piece = target.startContainer ? target.startContainer.parentElement : target;
    const message = article && this.messages[Number(article.id.slice(1)) - 1];
    if (message?.folded) message.toggle(false);
    if (tries === 6) piece.scrollIntoView({ block: "start" });
    const view = this.element.getBoundingClientRect();
    const place = target.getBoundingClientRect();
    const wanted =
      block === "start" ? view.top + 6 : view.top + Math.max(40, (view.height - place.height) * 0.35);
    const off = place.top - wanted;
    if (Math.abs(off) > 2) this.element.scrollBy(0, off);
    if (tries > 0) requestAnimationFrame(() => this.show(target, block, tries - 1));
  }

  /** What is selected, as spans of messages: one for each message that the selection touches. */
  selected() {
    const selection = getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return [];
    const range = selection.getRangeAt(0);
    const spans = new Map();
    for (const [node, [message, piece]] of this.nodes) {
      if (!range.intersectsNode(node)) continue;
      const start = piece.start + (node === range.startContainer ? range.startOffset : 0);
      const end = piece.start + (node === range.endContainer ? range.endOffset : node.length);
      const span = spans.get(message) || { message, start, end };
      span.end = end;
      spans.set(message, span);
    }
    return [...spans.values()].map(trimmed).filter((span) => span.end > span.start);
  }

  select(message, start, end) {
    const range = message.range(start, end);
    if (!range) return;
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    this.mark(message.number - 1);
    this.show(range, "center", 3);
  }

  /** Select the next sentence of the current message, or widen the selection by it. */
  sentence(widen) {
    const [span] = this.selected();
    const message = span?.message || this.messages[this.current] || this.step(0);
    const from = span ? span.end : 0;
    const near = message.text.slice(from, from + 20000);
    for (const part of new Intl.Segmenter("en", { granularity: "sentence" }).segment(near)) {
      if (!part.segment.trim()) continue;
      const start = from + part.index;
      const next = trimmed({ message, start, end: start + part.segment.length });
      this.select(message, widen && span ? span.start : next.start, next.end);
      return;
    }
    if (span && !widen) {
      const following = this.messages[message.number];
      if (!following) return;
      getSelection().removeAllRanges();
      this.mark(message.number);
      this.sentence(false);
    }
  }
}

function trimmed(span) {
  let { start, end } = span;
  const { text } = span.message;
  while (start < end && /\s/.test(text[start])) start += 1;
  while (end > start && /\s/.test(text[end - 1])) end -= 1;
  return { ...span, start, end };
}

/** Context and metadata that this grader's annotators may see. */
function around(transcript) {
  const facts = [...Object.entries(transcript.context), ...Object.entries(transcript.metadata)];
  if (!facts.length) return null;
  return make(
    "dl",
    { class: "around" },
    ...facts.flatMap(([key, value]) => [
      make("dt", {}, words(key)),
      make("dd", {}, typeof value === "string" ? value : JSON.stringify(value)),
    ]),
  );
}
