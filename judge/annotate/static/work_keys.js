// The keys while a transcript is on the table.

import { share, showRulings } from "./dialogs.js";

/** Groups of `[key, what it does, action]`; without words for what it does, a key is not in the help. */
export function workKeys(work) {
  const { form } = work;
  const label =
    form && !work.state.settled
      ? [
          [
            "Label",
            [
              ["digit", "answer the open question", (index) => work.form.press(index)],
              ["⇧digit", "the eleventh answer and on", (index) => work.form.press(index + 10)],
              ["f", "next question", () => work.form.activate(work.form.active + 1)],
              ["F", "question before", () => work.form.activate(work.form.active - 1)],
              ["e", "selected words, or the search's match, are evidence", () => work.addEvidence()],
              ["x", "take the last evidence away", () => work.form.removeEvidence()],
              ["c", "contested", () => work.form.contest()],
              [
                "m",
                work.desk.reason_required ? "write the reason" : "write a note",
                () => work.form.focusNote(),
              ],
              ["z", "undo", () => work.form.undo()],
              ["Z", "redo", () => work.form.redo()],
              [
                "a",
                work.desk.mode === "blind"
                  ? ""
                  : work.desk.mode === "review"
                    ? "take the judge's answer"
                    : "take A's answer",
                () => work.desk.mode !== "blind" && work.adopt(0),
              ],
              [
                "b",
                work.desk.mode === "blind" ? "" : "take the second answer",
                () => work.desk.mode !== "blind" && work.adopt(1),
              ],
              ["Enter", "commit, and on to the next", () => work.commit()],
            ],
          ],
        ]
      : [];
  return [
    ...label,
    [
      "Read",
      [
        ["j", "next message", () => work.reader.step(1)],
        ["k", "message before", () => work.reader.step(-1)],
        ["s", "select the next sentence", () => work.reader.sentence(false)],
        ["S", "widen the selection by a sentence", () => work.reader.sentence(true)],
        ["⇧ArrowRight", "widen it by a word", () => work.widen("forward")],
        ["⇧ArrowLeft", "narrow it by a word", () => work.widen("backward")],
        ["n", "next evidence", () => work.stepEvidence(1)],
        ["p", "evidence before", () => work.stepEvidence(-1)],
        ["/", "search", () => work.toolbar.focus()],
        [".", "next match", () => work.toolbar.step(1)],
        [",", "match before", () => work.toolbar.step(-1)],
        ["o", "fold or unfold the message", () => work.reader.messages[work.reader.current]?.toggle()],
        ["ArrowDown ArrowUp PageDown PageUp Home End", "", (...all) => work.scroll(...all)],
        [" ", "", (...all) => work.scroll(...all)],
      ],
    ],
    [
      "Look up",
      [
        ["d", form ? "definitions on or off" : "", () => form && work.form.toggleDefinitions()],
        ["r", "the rubric: rulings on hard cases", () => showRulings(work.desk.form)],
        [
          "v",
          work.desk.mode === "blind" && form ? "see what others said (after your commit)" : "",
          () => form && work.see(),
        ],
      ],
    ],
    [
      "Go",
      [
        ["]", "next transcript", () => work.go(1)],
        ["[", "transcript before", () => work.go(-1)],
        ["u", form ? "next one to be done" : "", () => work.go("undone")],
        ["g", "all transcripts", () => work.go("overview")],
        ["l", form ? "copy a link for a colleague at this machine" : "", () => form && share(work.name)],
        ["?", "these keys", () => work.go("help")],
      ],
    ],
  ];
}
