// What opens over the page: the rubric, and a link for a colleague.

import * as api from "./api.js";
import { button, fill, find, make, notice, words } from "./dom.js";
import { rubric } from "./rubric.js";

/** The rulings on hard cases, then every question with the definitions of its labels. */
export function showRulings(form) {
  const dialog = find("rulings");
  fill(
    dialog,
    make("h2", { id: "rulings-title" }, `${words(form.grader)}, version ${form.version}`),
    make(
      "div",
      { class: "rubric", tabindex: "0" },
      ...rubric(form.rulings),
      make("h3", {}, "Every question and label"),
      ...form.facets.flatMap((facet) => [
        make("h4", {}, words(facet.name)),
        make("p", { class: "question" }, facet.question),
        make(
          "dl",
          {},
          ...facet.answers.map((answer) =>
            make("div", {}, make("dt", {}, words(answer.label)), make("dd", {}, answer.definition)),
          ),
        ),
      ]),
    ),
    make(
      "button",
      { type: "button", class: "close", on: { click: () => dialog.close() } },
      "Close ",
      make("kbd", {}, "Esc"),
    ),
  );
  dialog.showModal();
  dialog.querySelector(".rubric").focus();
}

/** A link that works once and lets somebody read, ready to be copied. */
export async function share(name) {
  try {
    const { link } = await api.link(name);
    const field = make("input", {
      type: "text",
      readonly: true,
      class: "link",
      "aria-label": "Link for a colleague",
    });
    field.value = link;
    notice(
      "For a colleague at this machine, to read only; it works once: ",
      field,
      button("Close", "", () => notice("")),
    );
    field.select();
    await navigator.clipboard?.writeText(link).catch(() => {});
  } catch (error) {
    notice(error.message);
  }
}
