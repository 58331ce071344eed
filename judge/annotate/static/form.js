// The form: one question after another, answered by keys or by hand. It knows no server; every change is handed to `changed`.

import { announce, fill, make, shorten, words } from "./dom.js";

const DIGITS = "1234567890";
export const keyOf = (index) => (index < 10 ? DIGITS[index] : `⇧${DIGITS[index - 10]}`);

export class Form {
  /**
   * description: the form as the server describes it. facets: the names of those to ask. needed: those without which nothing
   * can be committed. answer: what is entered already. roleOf: message id to role.
   */
  constructor({ description, facets, needed, answer, reason, jump, changed, roleOf }) {
    this.facets = description.facets.filter((facet) => facets.includes(facet.name));
    this.needed = needed;
    this.reason = reason;
    this.jump = jump;
    this.changed = changed;
    this.roleOf = roleOf;
    this.answer = structuredClone(answer);
    this.active = Math.max(
      0,
      this.facets.findIndex(
        (facet) => needed.includes(facet.name) && !this.answer.labels[facet.name]?.length,
      ),
    );
    this.past = [];
    this.future = [];
    this.problems = [];
    this.definitions = localStorage.getItem("definitions") !== "off";
    this.element = make("div", { class: "form" });
    this.draw();
  }

  get facet() {
    return this.facets[this.active];
  }

  chosen(facet = this.facet) {
    return this.answer.labels[facet.name] || [];
  }

  /** Change the answer; what it was can be had back. */
  change(edit, said) {
    this.past.push(JSON.stringify(this.answer));
    this.future = [];
    edit(this.answer);
    this.problems = [];
    if (said) announce(said);
    this.draw();
    this.changed();
  }

  undo(from = this.past, to = this.future) {
    if (!from.length) return announce("Nothing to undo");
    to.push(JSON.stringify(this.answer));
    this.answer = { ...JSON.parse(from.pop()), seconds: this.answer.seconds };
    this.draw();
    announce("Undone");
    this.changed();
    return undefined;
  }

  redo() {
    this.undo(this.future, this.past);
  }

  /** Put another answer in the place of this one, as one step that can be undone. */
  replace(answer, said) {
    this.change((mine) => Object.assign(mine, structuredClone(answer), { seconds: mine.seconds }), said);
  }

  activate(index) {
    this.active = (index + this.facets.length) % this.facets.length;
    this.draw();
    this.element.querySelector("fieldset.active")?.scrollIntoView({ block: "start" });
    announce(`${words(this.facet.name)}: ${this.facet.question}`);
  }

  press(index) {
    const answer = this.facet?.answers[index];
    if (answer) this.choose(this.facet, answer.label);
  }

  choose(facet, label) {
    const many = facet.scale === "multilabel";
    const before = this.chosen(facet);
    let labels = [label];
    if (many && before.includes(label)) labels = before.filter((other) => other !== label);
    else if (many && !facet.exclusive.includes(label))
      labels = [...before.filter((other) => !facet.exclusive.includes(other)), label];
    this.active = this.facets.indexOf(facet);
    this.change(
      (answer) => {
        answer.labels[facet.name] = labels;
      },
      `${words(facet.name)}: ${labels.map(words).join(", ") || "no answer"}`,
    );
  }

  /** Add spans as evidence for the active question. A span that is there already comes to support it too. */
  addEvidence(spans) {
    const { name } = this.facet;
    this.change(
      (answer) => {
        for (const span of spans) {
          const same = answer.evidence.find(
            (mark) =>
              mark.message_id === span.message_id && mark.start === span.start && mark.end === span.end,
          );
          if (!same) answer.evidence.push({ ...span, supports: [name] });
          else if (!same.supports.includes(name)) same.supports.push(name);
        }
      },
      `Evidence for ${words(name)} added`,
    );
  }

  removeEvidence(index = this.answer.evidence.length - 1) {
    if (index >= 0) this.change((answer) => answer.evidence.splice(index, 1), "Evidence removed");
  }

  contest() {
    this.change(
      (answer) => {
        answer.contested = !answer.contested;
      },
      this.answer.contested ? "No longer contested" : "Marked as contested",
    );
  }

  toggleDefinitions() {
    this.definitions = !this.definitions;
    localStorage.setItem("definitions", this.definitions ? "on" : "off");
    this.draw();
  }

  /** What still stands in the way of a commit, as far as the page can tell; the server has the last word. */
  missing() {
    const found = [];
    for (const facet of this.facets) {
      const labels = this.chosen(facet);
      if (!labels.length && this.needed.includes(facet.name))
        found.push(`${words(facet.name)}: no answer yet`);
      const positive = facet.answers.some((answer) => answer.positive && labels.includes(answer.label));
      const marks = this.answer.evidence.filter((mark) => mark.supports.includes(facet.name));
      const from = facet.evidence_from;
      if (positive && !marks.some((mark) => from.includes(this.roleOf(mark.message_id))))
        found.push(
          `${words(facet.name)}: mark the words it rests on${from.length < 4 ? `, by ${from.join(" or ")}` : ""}`,
        );
    }
    if (this.reason && !this.answer.note.trim()) found.push("a reason is required");
    return found;
  }

  draw() {
    const focused = document.activeElement?.dataset?.focus;
    const at = document.activeElement?.selectionStart;
    fill(
      this.element,
      this.open(this.facet),
      this.evidenceList(),
      this.noteField(),
      this.contestedBox(),
      this.facets.length > 1 &&
        make(
          "section",
          { class: "further", "aria-label": "All questions" },
          make("h3", {}, "All questions", make("span", { class: "hint" }, make("kbd", {}, "f"), " next")),
          ...this.facets.map((facet, index) => this.closed(facet, index)),
        ),
    );
    if (focused) {
      const again = this.element.querySelector(`[data-focus="${CSS.escape(focused)}"]`);
      again?.focus({ preventScroll: true });
      if (again?.tagName === "TEXTAREA") again.setSelectionRange(at, at);
    }
  }

  open(facet) {
    const many = facet.scale === "multilabel";
    const rows = facet.answers.map((answer, index) => {
      const id = `a-${facet.name}-${index}`;
      const input = make("input", {
        type: many ? "checkbox" : "radio",
        id,
        name: facet.name,
        "data-focus": id,
        "aria-keyshortcuts": keyOf(index).replace("⇧", "Shift+"),
        "aria-describedby": this.definitions ? `${id}-d` : null,
        checked: this.chosen(facet).includes(answer.label),
        on: { change: () => this.choose(facet, answer.label) },
      });
      return make(
        "div",
        { class: `answer${answer.null ? " null" : ""}` },
        input,
        make(
          "label",
          { for: id },
          make("kbd", {}, keyOf(index)),
          make("span", { class: "name" }, words(answer.label)),
          answer.positive && make("span", { class: "needs", title: "needs evidence" }, "needs evidence"),
        ),
        this.definitions && make("p", { class: "definition", id: `${id}-d` }, answer.definition),
      );
    });
    return make(
      "fieldset",
      { class: "facet active" },
      make(
        "legend",
        {},
        words(facet.name),
        facet.scale !== "nominal" && make("span", { class: "scale" }, many ? "several may apply" : "ordinal"),
      ),
      make("p", { class: "question" }, facet.question),
      ...rows,
    );
  }

  closed(facet, index) {
    const labels = this.chosen(facet);
    const answer = labels.length
      ? labels.map(words).join(", ")
      : this.needed.includes(facet.name)
        ? "to be answered"
        : "open";
    return make(
      "button",
      {
        type: "button",
        class: `facet closed${labels.length ? " answered" : ""}${index === this.active ? " here" : ""}`,
        "aria-current": index === this.active ? "true" : null,
        "data-focus": `f-${facet.name}`,
        on: { click: () => this.activate(index) },
      },
      make("span", {}, words(facet.name)),
      make("span", { class: "value" }, answer),
    );
  }

  evidenceList() {
    const marks = this.answer.evidence;
    const items = marks.map((mark, index) =>
      make(
        "li",
        {},
        make(
          "button",
          {
            type: "button",
            class: "quote",
            "data-focus": `q-${index}`,
            on: { click: () => this.jump(mark) },
          },
          make("span", { class: "number" }, mark.message_id),
          " ",
          shorten(mark.quote),
        ),
        make("span", { class: "supports" }, mark.supports.map(words).join(", ")),
        make(
          "button",
          {
            type: "button",
            class: "remove",
            "aria-label": `Remove evidence ${index + 1}`,
            on: { click: () => this.removeEvidence(index) },
          },
          "×",
        ),
      ),
    );
    return make(
      "section",
      { class: "evidence", "aria-label": "My evidence" },
      make(
        "h3",
        {},
        make("span", { class: "swatch mine" }, "Evidence"),
        make("span", { class: "hint" }, "select words, then ", make("kbd", {}, "e")),
      ),
      items.length ? make("ol", {}, ...items) : make("p", { class: "none" }, "none yet"),
    );
  }

  noteField() {
    const area = make("textarea", {
      id: "note",
      rows: 2,
      "data-focus": "note",
      maxlength: 20000,
      "aria-required": this.reason ? "true" : null,
      placeholder: this.reason ? "Why this label? Name the passage or the ruling." : "",
      on: {
        input: () => {
          this.answer.note = area.value;
          this.changed();
        },
        focus: () => this.past.push(JSON.stringify(this.answer)),
      },
    });
    area.value = this.answer.note;
    return make(
      "div",
      { class: "note" },
      make("label", { for: "note" }, this.reason ? "Reason (required)" : "Note", " ", make("kbd", {}, "m")),
      area,
    );
  }

  contestedBox() {
    const box = make("input", {
      type: "checkbox",
      id: "contested",
      "data-focus": "contested",
      checked: this.answer.contested,
      on: { change: () => this.contest() },
    });
    return make(
      "div",
      { class: "contested" },
      box,
      make("label", { for: "contested" }, "Contested: the codebook leaves it open ", make("kbd", {}, "c")),
    );
  }

  focusNote() {
    this.element.querySelector("#note").focus();
  }
}
