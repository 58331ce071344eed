// The whole transcript in a strip: a band for each message in its channel's colour, a tick for each span of evidence.
// Ticks tell by their place as well as by their colour whose they are: left the judge's, middle the others', right mine.

import { make } from "./dom.js";

const COLUMNS = {
  judge: [0, 0.5],
  "other-a": [0, 0.5],
  "other-b": [0.25, 0.75],
  mine: [0.5, 1],
  search: [0.85, 1],
};

/** Custom properties as colours that a canvas understands: only a property that takes colours resolves `light-dark()`. */
function colours() {
  const known = new Map();
  const probe = document.createElement("i");
  document.body.append(probe);
  const style = getComputedStyle(probe);
  queueMicrotask(() => probe.remove());
  return (name) => {
    if (!known.has(name)) {
      probe.style.color = `var(${name})`;
      known.set(name, style.color);
    }
    return known.get(name);
  };
}

export class Minimap {
  constructor(reader, marks) {
    this.reader = reader;
    this.marks = marks;
    this.canvas = make("canvas", { class: "minimap", "aria-hidden": "true" });
    this.starts = [];
    let total = 0;
    for (const message of reader.messages) {
      this.starts.push(total);
      total += message.text.length + 160;
    }
    this.total = total;
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.go(event);
    });
    this.canvas.addEventListener("pointermove", (event) => event.buttons && this.go(event));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  go(event) {
    const share = Math.min(Math.max(event.offsetY / this.canvas.clientHeight, 0), 0.9999) * this.total;
    let index = this.starts.findLastIndex((start) => start <= share);
    index = Math.max(index, 0);
    const message = this.reader.messages[index];
    const at = Math.min(Math.max(Math.floor(share - this.starts[index] - 80), 0), message.text.length - 1);
    this.reader.mark(index);
    this.reader.show(
      (at > 0 && message.range(at, at + 1)) || message.element,
      at > 0 ? "center" : "start",
      3,
    );
  }

  /** How far down a span begins, 0 to 1. */
  place(span) {
    return (this.starts[span.message.number - 1] + 80 + span.start) / this.total;
  }

  draw() {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (!width || !height) return;
    const scale = devicePixelRatio || 1;
    this.picture = new OffscreenCanvas(width * scale, height * scale);
    const pen = this.picture.getContext("2d");
    pen.scale(scale, scale);
    const colour = colours();
    this.ink = colour("--ink");
    pen.globalAlpha = 0.4;
    for (const [index, message] of this.reader.messages.entries()) {
      const top = (this.starts[index] / this.total) * height;
      const bottom = ((this.starts[index + 1] ?? this.total) / this.total) * height;
      pen.fillStyle = colour(
        `--${message.channel === "text" ? message.role : message.channel.replaceAll("_", "-")}`,
      );
      pen.fillRect(4, top, width - 8, Math.max(bottom - top - (bottom - top > 3 ? 1 : 0), 0.5));
    }
    pen.globalAlpha = 1;
    for (const kind of ["search", "judge", "other-a", "other-b", "mine"]) {
      pen.fillStyle = colour(`--mark-${kind}`);
      const [left, right] = COLUMNS[kind];
      for (const span of this.marks.spans.get(kind)) {
        pen.fillRect(
          left * width,
          Math.min(this.place(span) * height, height - 3) - 1,
          (right - left) * width,
          kind === "search" ? 2 : 4,
        );
      }
    }
    this.follow();
  }

  /** Frame what is in view. Called for every frame while the text scrolls, so the picture itself is kept. */
  follow() {
    if (!this.picture) return;
    const { canvas } = this;
    const scale = devicePixelRatio || 1;
    const [width, height] = [this.picture.width / scale, this.picture.height / scale];
    canvas.width = this.picture.width;
    canvas.height = this.picture.height;
    const pen = canvas.getContext("2d");
    pen.drawImage(this.picture, 0, 0);
    pen.scale(scale, scale);
    const view = this.reader.element;
    const top = this.position(view.getBoundingClientRect().top);
    const bottom = this.position(view.getBoundingClientRect().bottom);
    pen.strokeStyle = this.ink;
    pen.lineWidth = 1.5;
    pen.strokeRect(1, top * height + 1, width - 2, Math.max((bottom - top) * height - 2, 8));
  }

  /** The share of the transcript above a height on the screen. */
  position(y) {
    const { messages } = this.reader;
    let low = 0;
    let high = messages.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (messages[middle].element.getBoundingClientRect().bottom < y) low = middle + 1;
      else high = middle;
    }
    const box = messages[low].element.getBoundingClientRect();
    const share = Math.min(Math.max((y - box.top) / Math.max(box.height, 1), 0), 1);
    const end = this.starts[low + 1] ?? this.total;
    return (this.starts[low] + share * (end - this.starts[low])) / this.total;
  }
}
