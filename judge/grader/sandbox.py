"""The sandbox that rubrics are rendered in: a prompt file from a stranger can neither read, write, run nor wear anything out.

Jinja's immutable sandbox keeps a template from Python's internals and from changing what it is given. It does not keep one
from calling whatever the objects it was handed can do, from looping for a year, or from doubling a string forty times. So a
template may call only what is listed here; every loop, macro and include draws on one budget of steps; every text that a
template makes is held to a size before it is made. Chance is taken out as well: one file has to render to the same bytes.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from jinja2 import DictLoader, StrictUndefined, Template, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import BlockReference, Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from judge.grader import Grader
from judge.transcript import Message

MAX_STEPS = 20_000
"""Turns of loops, and calls of macros, in one rendering. The longest bundled rubric takes some hundreds."""

MAX_TEXT = 1_000_000
"""Characters of any text that a template makes, and items of any list. What is handed in may be longer."""

MAX_BITS = 256

_FILTERS = frozenset(
    {
        *(
            "capitalize",
            "count",
            "d",
            "default",
            "dictsort",
            "first",
            "groupby",
            "int",
            "items",
            "last",
            "length",
        ),
        *(
            "list",
            "lower",
            "map",
            "max",
            "min",
            "reject",
            "rejectattr",
            "reverse",
            "select",
            "selectattr",
            "sort",
        ),
        *("string", "title", "trim", "truncate", "unique", "upper", "wordcount"),
    }
)
"""Jinja's filters but for markup, chance, and what pads or formats to a width that a template names."""

_MESSAGE_FIELDS = frozenset(Message.model_fields)

_METHODS: Mapping[type, frozenset[str]] = {
    dict: frozenset({"items", "keys", "values", "get"}),
    str: frozenset(
        {
            "upper",
            "lower",
            "strip",
            "lstrip",
            "rstrip",
            "split",
            "splitlines",
            "startswith",
            "endswith",
            "title",
        }
    ),
    LoopContext: frozenset({"cycle", "changed"}),
}
"""The only methods that a template may call, on plain data."""


class _Budget:
    """What is left of one rendering's steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def spend(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise SecurityError(f"the template takes more than {MAX_STEPS:,} steps: it loops too often")


_budget: ContextVar[_Budget | None] = ContextVar("budget", default=None)


@pass_context  # so that it is never folded into a constant
def _step(context: Context, value: Any) -> Any:  # noqa: ARG001
    if budget := _budget.get():
        budget.spend()
    return value


@pass_context
def _counted(context: Context, values: Iterable[Any]) -> Iterator[Any]:  # noqa: ARG001
    budget = _budget.get()
    for value in values:
        if budget:
            budget.spend()
        yield value


def _held(value: Any) -> Any:
    if isinstance(value, str | list | tuple):
        _room(len(value))
    return value


def _room(size: int) -> None:
    if size > MAX_TEXT:
        raise SecurityError(f"the template makes a text or list of {size:,} characters or items")


def _replace(text: str, old: str, new: str, count: int | None = None) -> str:
    text, old, new = str(text), str(old), str(new)
    times = text.count(old) if count is None else min(count, text.count(old))
    if len(new) > len(old):
        _room(len(text) + times * (len(new) - len(old)))
    return text.replace(old, new, -1 if count is None else count)


def _join(values: Iterable[Any], d: str = "", attribute: str | None = None) -> str:
    """Like Jinja's, for what can be listed; ``attribute`` is an attribute's plain name."""
    texts = [str(getattr(value, attribute) if attribute else value) for value in values]
    _room(sum(map(len, texts)) + len(d) * len(texts))
    return d.join(texts)


class _Budgeted(NodeTransformer):
    """Puts the counting and the holding into a template's tree."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802  (the visitor's naming)
        self.generic_visit(node)
        node.iter = _filtered(
            node.iter, "_counted"
        )  # also where the loop is recursive: its iterable is counted anew
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802
        self.generic_visit(node)
        return _filtered(node, "_held")

    def _with_a_step(self, node: Any) -> Any:
        self.generic_visit(node)
        step = _filtered(nodes.Const("", lineno=node.lineno), "_step")
        node.body.insert(0, nodes.Output([step], lineno=node.lineno))
        return node

    visit_Macro = visit_CallBlock = visit_Block = visit_Template = _with_a_step  # noqa: N815


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    assert isinstance(node, nodes.Expr)
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


class BoundedTemplate(Template):
    """A template whose rendering ends, and whose output has a size."""

    def render(self, *args: Any, **kwargs: Any) -> str:
        """As Jinja's. Raises SecurityError where the template wants more steps or text than it may have."""
        return "".join(self.pieces(*args, **kwargs))

    def pieces(self, *args: Any, **kwargs: Any) -> list[str]:
        """The text in the order in which it is made. What is handed in and put out as it is, is a piece of its own."""
        handed = kwargs.get("messages", ())
        room = MAX_TEXT + 2 * sum(len(message.text) for message in handed)
        token = _budget.set(_Budget(MAX_STEPS + 4 * len(handed)))
        try:
            return list(_within(room, self.root_render_func(self.new_context(dict(*args, **kwargs)))))
        finally:
            _budget.reset(token)


def _within(room: int, pieces: Iterable[str]) -> Iterator[str]:
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            raise SecurityError(f"the template renders to more than {MAX_TEXT:,} characters of its own")
        yield piece


class Sandbox(ImmutableSandboxedEnvironment):
    """No files but the given templates, no code, no undefined name, and an end."""

    intercepted_binops = frozenset({"*", "+", "**", "%"})
    template_class = BoundedTemplate

    def __init__(self, templates: Mapping[str, str]) -> None:
        super().__init__(
            loader=DictLoader(templates),
            undefined=StrictUndefined,
            autoescape=False,  # prompts are text for a model, not markup for a browser
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        own = {"replace": _replace, "join": _join, "_counted": _counted, "_held": _held, "_step": _step}
        self.filters = {name: self.filters[name] for name in _FILTERS} | own
        self.globals = {name: self.globals[name] for name in ("range", "namespace")}

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(_Budgeted().visit(source), *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic, where its result stays small. Raises SecurityError."""
        if isinstance(left, str | list | tuple) or isinstance(right, str | list | tuple):
            if operator == "%":
                raise SecurityError("text cannot be formatted with % in a template: write it out, or use ~")
            if operator == "*":
                times, thing = (left, right) if isinstance(left, int) else (right, left)
                _room(len(thing) * max(int(times), 0))
        elif operator == "**" or any(isinstance(n, int) and n.bit_length() > MAX_BITS for n in (left, right)):
            raise SecurityError("numbers of this size are not allowed in a template")
        return _held(super().call_binop(context, operator, left, right))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """As Jinja's; a message's own fields, of which a long transcript has thousands, are known to be safe."""
        if type(obj) is Message and attribute in _MESSAGE_FIELDS:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """What a rubric may know of itself is what its header says, not where it lies or what stands beside it."""
        private = isinstance(obj, Grader) and attr in ("path", "templates")
        return not private and super().is_safe_attribute(obj, attr, value)

    def is_safe_callable(self, obj: Any) -> bool:
        """Macros, loops, ``range``, ``namespace``, and the listed methods of plain data; nothing else."""
        if isinstance(obj, Macro | LoopContext | BlockReference) or obj in (
            self.globals["range"],
            Namespace,
        ):
            return True
        owner = getattr(obj, "__self__", None)
        return any(
            type(owner) is kind and getattr(obj, "__name__", "") in names for kind, names in _METHODS.items()
        )
