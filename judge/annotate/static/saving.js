// Keeps what is entered: a moment after each change, one request at a time, again and again while the server is away.

import * as api from "./api.js";
import { button, notice } from "./dom.js";

const PAUSE = 350;
const AGAIN = 3000;
const WHY = {
  0: "the server does not answer. Start `judge annotate` again and leave this page open; it will go on by itself.",
  403: "the session is over. Open a fresh link from the terminal in another tab; this page will go on by itself.",
};

export class Saving {
  /** answer: what is to be kept. say: shows how it went. reload: shows what the server has instead. */
  constructor(name, { answer, say, reload }) {
    Object.assign(this, { name, answer, say, reload });
    this.base = 0;
    this.dirty = false;
    this.last = Promise.resolve();
  }

  /** Not letter by letter: a change waits a moment for the next. */
  changed() {
    this.dirty = true;
    this.later(PAUSE);
  }

  later(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now(), wait);
  }

  /** Save what is not saved yet. `leaving`: the page goes away, and the request is to outlive it. */
  now(leaving = false) {
    clearTimeout(this.timer);
    if (this.dirty) {
      this.dirty = false;
      this.last = this.last.then(() => this.send(leaving));
    }
    return this.last;
  }

  async send(leaving) {
    try {
      const { revision } = await api.draft(this.name, this.answer(), this.base, leaving);
      this.base = revision;
      notice("");
      this.say("saved");
    } catch (error) {
      this.failed(error);
    }
  }

  failed(error) {
    if (error.stale) {
      notice(
        "This transcript was changed in another tab or window. ",
        button("Show what is there now", "", this.reload),
      );
      return;
    }
    this.dirty = true;
    notice(`Not saved: ${WHY[error.status] || error.message}`);
    this.say("not saved");
    this.later(AGAIN);
  }
}
