"""The project's own JSON Lines: a record has exactly the fields of ``judge.transcript.Transcript``.

    {"id": "run-7", "messages": [{"role": "user", "text": "Is 7 prime?"},
                                 {"role": "assistant", "channel": "reasoning", "text": "Only 1 and 7 divide it."},
                                 {"role": "assistant", "text": "Yes."}], "metadata": {"model": "m1"}}

A message's ``id``, ``turn`` and ``channel`` may be left out. This is the only format that ``context`` is read from.
"""

from typing import Any

from judge.errors import TranscriptError
from judge.formats._containers import Sample, Sight
from judge.formats._record import Row, identifier, objects, short, structure
from judge.formats._sketch import Sketch, sound_head
from judge.transcript import Transcript, fingerprint_of, revision_of

_FIELDS = frozenset(Transcript.model_fields)


def recognises(sample: Sample) -> Sight:
    for record in sample.records:
        messages = objects(record.get("messages"))
        if any("text" in message and "role" in message and "content" not in message for message in messages):
            return Sight(yes=True, saw="messages with role and text")
    return Sight(yes=False, saw="no messages with role and text")


def transcript(row: Row) -> Transcript:
    unknown = sorted(set(row.record) - _FIELDS)
    if unknown:
        raise TranscriptError(
            "a field that own records do not have",
            found=", ".join(map(repr, unknown)),
            expected=f"only {', '.join(sorted(_FIELDS))}",
            do="put facts about the run into metadata",
        )
    messages = structure(row.record.get("messages"))
    if not isinstance(messages, list):
        raise TranscriptError("messages is not a list", found=short(messages))
    if not messages:
        raise TranscriptError("there is no message in this record", expected="at least one")
    others = {
        key: structure(row.record[key]) for key in ("metadata", "context") if row.record.get(key) is not None
    }
    return Transcript.model_validate(
        {"id": identifier(row, ("id",))[0], "messages": _filled_in(messages), **others}
    )


def sketch(row: Row) -> Sketch | None:
    """The same without building it, where it is plain that there is nothing to complain about."""
    record = row.record
    messages, metadata, context = record.get("messages"), record.get("metadata"), record.get("context")
    if type(messages) is not list:
        messages = structure(messages)
    if type(metadata) is not dict:
        metadata = {} if metadata is None else structure(metadata)
    if type(context) is not dict:
        context = {} if context is None else structure(context)
    if type(messages) is not list or type(metadata) is not dict or type(context) is not dict:
        return None
    name = identifier(row, ("id",))[0]
    if not record.keys() <= _FIELDS or not name.isascii() or not all(map(_is_text, metadata)):
        return None
    if context and not all(map(_is_text, (*context, *context.values()))):
        return None
    try:
        pieces = _pieces(messages)
        if not pieces:
            return None
        fingerprint = fingerprint_of(pieces, context)
        found = revision_of(fingerprint, metadata)
    # A part is missing, is a list or a mapping, or is no Unicode; or the metadata are too deep to be written out.
    except (KeyError, TypeError, UnicodeEncodeError, RecursionError):
        return None
    return Sketch(name, fingerprint, found, metadata, sum(map(len, pieces)), row, transcript)


def _is_text(value: object) -> bool:
    return type(value) is str


def _pieces(messages: list[Any]) -> list[bytes] | None:
    """What ``fingerprint_of`` wants to know of the messages, filled in as by ``_filled_in``; None where one needs a second look."""
    pieces: list[bytes] = []
    ids: set[str] = set()
    turn, before, last = -1, None, 0
    turns = bool(messages) and "turn" in messages[0]
    for number, message in enumerate(messages, start=1):
        role, text, fields = message["role"], message["text"], 2
        if turns:
            turn = message["turn"]
            fields = 3
            if turn < last:
                return None
            last = turn
        elif role != "assistant" or before != "assistant":
            turn += 1
        before = role
        name, channel, tool = f"M{number}", "text", None
        if "channel" in message:
            channel = message["channel"]
            fields += 1
        elif role == "tool":
            channel = "tool_result"
        if "id" in message:
            name = message["id"]
            fields += 1
        if "tool" in message:
            tool = message["tool"]
            fields += 1
        start = sound_head(name, turn, role, channel, tool)
        if start is None or type(text) is not str or len(message) != fields:
            return None
        ids.add(name)
        data = text.encode()
        pieces += (start, len(data).to_bytes(8, "big"), data)
    return pieces if len(ids) * 3 == len(pieces) else None


def _filled_in(messages: list[Any]) -> list[Any]:
    """The messages with ids, turns and channels. Turns are numbered here only if none is given."""
    if not all(isinstance(message, dict) for message in messages):
        return messages
    number_turns = not any("turn" in message for message in messages)
    filled, turn, before = [], -1, None
    for number, message in enumerate(messages, start=1):
        role = message.get("role")
        turn += not (role == before == "assistant")
        before = role
        defaults: dict[str, Any] = {
            "id": f"M{number}",
            "channel": "tool_result" if role == "tool" else "text",
        }
        if number_turns:
            defaults["turn"] = turn
        filled.append(defaults | message)
    return filled
