// One transcript on the table: the text, the form beside it, and what others said where that may be seen.

import * as api from "./api.js";
import { announce, button, fill, find, make, notice, typing, words } from "./dom.js";
import { Form } from "./form.js";
import { Marks } from "./marks.js";
import { Minimap } from "./minimap.js";
import { opinion } from "./opinion.js";
import { Reader } from "./reader.js";
import { Saving } from "./saving.js";
import { Toolbar } from "./toolbar.js";

const IDLE = 60000;
const LONGEST = 4000;

export class Work {
  constructor(desk, item, go) {
    this.desk = desk;
    this.item = item;
    this.go = go;
    this.name = item.path.slice("/t/".length);
    this.lastActive = Date.now();
    this.saving = new Saving(this.name, {
      answer: () => this.form.answer,
      say: (text) => this.say(text),
      reload: () => this.reload(),
    });
  }

  async load() {
    const [text, state] = await Promise.all([api.text(this.name), api.work(this.name)]);
    this.reader = new Reader(text, () => this.minimap.follow());
    this.marks = new Marks(this.reader);
    this.minimap = new Minimap(this.reader, this.marks);
    this.opinions = make("div", { class: "opinions" });
    this.panel = make("aside", { class: "panel", "aria-label": "Labels", tabindex: "-1" });
    this.toolbar = new Toolbar(this);
    fill(
      find("main"),
      make(
        "div",
        { class: `work${this.desk.guest ? " reading" : ""}` },
        make(
          "div",
          { class: "left" },
          this.toolbar.element,
          make("div", { class: "page" }, this.reader.element, this.minimap.canvas),
        ),
        this.panel,
      ),
    );
    this.take(state);
    find("main").focus({ preventScroll: true });
    this.clock = setInterval(() => this.tick(), 1000);
  }

  /** Show a state of the server's. */
  take(state) {
    this.state = state;
    this.saving.base = state.revision ?? 0;
    this.judges = state.judges || [];
    this.others = state.others || [];
    const description = this.desk.form;
    const asked =
      this.desk.mode === "adjudicate" ? state.needed : description.facets.map((facet) => facet.name);
    if (!this.desk.guest && asked.length) {
      this.form = new Form({
        description,
        facets: asked,
        needed: state.needed,
        answer: state.answer,
        reason: this.desk.reason_required,
        jump: (mark) => this.jump(mark),
        changed: () => this.changed(),
        roleOf: (id) => this.reader.byId.get(id)?.role,
      });
    }
    this.drawPanel();
    this.paint();
  }

  drawPanel() {
    const kinds = ["other-a", "other-b"];
    const context = {
      facets: this.desk.form.facets,
      disputed: this.state.disputed,
      jump: (mark) => this.jump(mark),
    };
    const keys = ["a", "b"];
    const take = (side, index) =>
      this.form && !this.state.settled && this.desk.mode !== "blind" && keys[index]
        ? { key: keys[index], press: () => this.adopt(index) }
        : null;
    const opinions = [
      ...this.judges.map((side, index) =>
        opinion(side, { ...context, kind: "judge", take: take(side, index) }),
      ),
      ...this.others.map((side, index) =>
        opinion(side, { ...context, kind: kinds[index % 2], take: take(side, index) }),
      ),
    ];
    fill(this.opinions, ...opinions, ...this.facts());
    if (!this.form) {
      fill(
        this.panel,
        make(
          "p",
          { class: "guest" },
          this.desk.guest
            ? "You are reading as a guest: nothing can be changed here."
            : "The readers agree here: there is nothing to decide.",
        ),
        this.opinions,
      );
      return;
    }
    this.footer = make("footer", {});
    fill(
      this.panel,
      make("div", { class: "panel-scroll" }, this.banner(), this.opinions, this.form.element),
      this.footer,
    );
    this.drawFooter();
  }

  banner() {
    if (this.state.settled) return make("p", { class: "settled" }, this.state.settled);
    if (this.desk.mode === "blind" && this.state.committed && !this.state.open) {
      return make(
        "p",
        { class: "committed" },
        "Committed. ",
        button("See what others said", "v", () => this.see()),
        " After that, this label stands.",
      );
    }
    return null;
  }

  facts() {
    const facts = Object.entries(this.state.metadata || {});
    return facts.length
      ? [
          make(
            "details",
            { class: "metadata" },
            make("summary", {}, "Metadata"),
            make(
              "dl",
              {},
              ...facts.map(([key, value]) =>
                make(
                  "div",
                  {},
                  make("dt", {}, words(key)),
                  make("dd", {}, typeof value === "string" ? value : JSON.stringify(value)),
                ),
              ),
            ),
          ),
        ]
      : [];
  }

  drawFooter() {
    const missing = this.form.missing();
    const problems = this.form.problems.map(([about, what]) => `${words(about)}: ${what}`);
    const ready = !missing.length && !this.state.settled;
    fill(
      this.footer,
      make(
        "div",
        { class: "missing", id: "missing" },
        ...(problems.length ? problems : missing)
          .slice(0, 3)
          .map((text) => make("p", { class: problems.length ? "problem" : "" }, text)),
      ),
      make(
        "div",
        { class: "commit" },
        button(this.state.committed ? "Commit again" : "Commit", "Enter", () => this.commit(), {
          class: ready ? "primary" : "",
          disabled: Boolean(this.state.settled),
          "aria-describedby": "missing",
        }),
        make("span", { class: "saved" }, this.savedText || ""),
      ),
    );
  }

  paint() {
    const evidence = (list) => this.marks.located(list.flatMap((one) => one.evidence));
    this.marks.set("mine", this.form ? this.marks.located(this.form.answer.evidence) : []);
    this.marks.set("judge", evidence(this.judges));
    this.marks.set("other-a", evidence(this.others.filter((_, index) => index % 2 === 0)));
    this.marks.set("other-b", evidence(this.others.filter((_, index) => index % 2 === 1)));
    this.minimap.draw();
  }

  jump(mark) {
    const [span] = this.marks.located([mark]);
    if (!span) return announce("These words are not at that place in the transcript");
    this.reader.mark(span.message.number - 1);
    if (span.message.folded) span.message.toggle(false);
    this.reader.show(span.message.range(span.start, span.end));
    return undefined;
  }

  stepEvidence(by) {
    const all = this.marks.evidence();
    if (!all.length) return announce("No evidence is marked");
    this.evidenceAt = ((this.evidenceAt ?? (by > 0 ? -1 : 0)) + by + all.length) % all.length;
    const span = all[this.evidenceAt];
    announce(
      `${span.kind === "mine" ? "my" : "others'"} evidence ${this.evidenceAt + 1} of ${all.length}, in ${span.message.id}`,
    );
    this.reader.mark(span.message.number - 1);
    if (span.message.folded) span.message.toggle(false);
    this.reader.show(span.message.range(span.start, span.end));
    return undefined;
  }

  /** The selected words, or else the match that the search is at, become evidence. */
  addEvidence() {
    if (!this.form || this.state.settled) return;
    let spans = this.reader.selected();
    if (!spans.length && this.toolbar.search.current) spans = [this.toolbar.search.current];
    const problem = !spans.length
      ? "Select some words first"
      : spans.some(({ start, end }) => end - start > LONGEST)
        ? `Mark the words that decide: at most ${LONGEST.toLocaleString("en")} characters`
        : "";
    if (problem) {
      announce(problem);
      this.flash(problem);
      return;
    }
    this.form.addEvidence(
      spans.map(({ message, start, end }) => ({
        message_id: message.id,
        start: message.points(start),
        end: message.points(end),
        quote: message.text.slice(start, end),
      })),
    );
    getSelection().removeAllRanges();
    this.paint();
  }

  adopt(index) {
    const side = this.desk.mode === "adjudicate" ? this.others[index] : this.judges[index];
    if (!side || side.failure || !this.form || this.state.settled) return;
    const asked = new Set(this.form.facets.map((facet) => facet.name));
    const labels = Object.fromEntries(Object.entries(side.labels).filter(([name]) => asked.has(name)));
    const evidence = side.evidence
      .map((mark) => ({
        message_id: mark.message_id,
        start: mark.start,
        end: mark.end,
        quote: mark.quote,
        supports: (mark.supports || []).filter((name) => asked.has(name)),
      }))
      .filter((mark) => mark.supports.length);
    this.form.replace({ ...this.form.answer, labels, evidence }, `Taken from ${side.who}`);
    this.paint();
  }

  async see() {
    if (!this.state.committed || this.desk.mode !== "blind") return;
    try {
      await this.saving.now();
      this.take(await api.seen(this.name));
      announce("What others said is shown");
    } catch (error) {
      notice(error.message);
    }
  }

  /** Something was entered. */
  changed() {
    if (this.state.settled) return;
    this.paint();
    this.drawFooter();
    this.saving.changed();
  }

  /** Show what the server has; what was entered here can be had back with undo. */
  async reload() {
    const mine = this.form.answer;
    notice("");
    this.take(await api.work(this.name));
    this.form.past.push(JSON.stringify(mine));
  }

  say(text) {
    this.savedText = text;
    const place = this.footer?.querySelector(".saved");
    if (place) place.textContent = text;
  }

  flash(text) {
    this.say(text);
    setTimeout(() => this.say(""), 2500);
  }

  async commit() {
    if (!this.form || this.state.settled || this.committing) return;
    const missing = this.form.missing();
    if (missing.length) {
      announce(missing.join("; "));
      this.footer.classList.remove("shake");
      requestAnimationFrame(() => this.footer.classList.add("shake"));
      return;
    }
    this.committing = true;
    await this.saving.now();
    try {
      const { progress } = await api.commit(this.name, this.form.answer, this.saving.base);
      this.desk.progress = progress;
      this.item.state = "done";
      this.item.label = this.form.answer.labels[this.desk.form.primary] || this.item.label;
      this.item.contested = this.form.answer.contested;
      announce("Committed");
      notice("");
      await this.go("undone");
    } catch (error) {
      this.form.problems = error.problems || [];
      if (!error.problems?.length) this.saving.failed(error);
      this.drawFooter();
    } finally {
      this.committing = false;
    }
  }

  tick() {
    if (this.form && !document.hidden && Date.now() - this.lastActive < IDLE) this.form.answer.seconds += 1;
  }

  active() {
    this.lastActive = Date.now();
  }

  /** Whether there is nothing left to save, so that another transcript may take the place of this one. */
  async leave() {
    await this.saving.now();
    if (this.saving.dirty) return false;
    clearInterval(this.clock);
    return true;
  }

  widen(direction) {
    const selection = getSelection();
    if (selection.isCollapsed) return false;
    selection.modify("extend", direction, "word");
    return undefined;
  }

  scroll(_, key, event) {
    if (typing(event.target) || event.target.closest(".panel")) return false;
    const view = this.reader.element;
    const page = view.clientHeight * 0.9;
    const by = {
      ArrowDown: 60,
      ArrowUp: -60,
      PageDown: page,
      PageUp: -page,
      " ": event.shiftKey ? -page : page,
    }[key];
    if (key === "Home") view.scrollTo(0, 0);
    else if (key === "End") view.scrollTo(0, view.scrollHeight);
    else view.scrollBy(0, by);
    return undefined;
  }
}
