"""Results as pages for people: one self-contained HTML file, or Markdown with the same numbers.

``words`` turns numbers and reasons into text, ``page`` is the skeleton that every HTML report shares, ``figures`` draws
(matplotlib, the extra ``report``), ``transcripts`` shows full texts with the cited words marked. ``calibration`` puts them
together for ``judge calibrate``. Templates escape everything; nothing that a transcript says becomes markup.
"""
