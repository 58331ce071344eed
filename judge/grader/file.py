"""Prompt files: found by name, read, checked, hashed and rendered in a sandbox.

Everything that can be wrong with a prompt file is found here, at load, before the first paid call: YAML that guessed a
type, an undefined name (with its line), a missing include, a composite that cannot be computed.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml
from jinja2 import TemplateError, TemplateSyntaxError, meta, nodes
from pydantic import ValidationError

from judge.errors import GraderError
from judge.grader import Grader
from judge.grader.sandbox import BoundedTemplate, Sandbox

VARIABLES = frozenset({"grader", "facets", "context", "metadata"})
"""What a rubric's body may refer to."""

BROKEN = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError)
"""What a stranger's template can raise when it is rendered."""

FRAME = ("_system.jinja", "_transcript.jinja", "_answer.jinja", "_choice.jinja")
"""The templates around every rubric. They are part of what is sent, so they are part of every grader's hash."""


_sandboxes: dict[str, Sandbox] = {}


def template(grader: Grader, name: str) -> BoundedTemplate:
    """A grader's template, as it was when the grader was loaded: what is sent is what was hashed."""
    if grader.sha256 not in _sandboxes:
        _sandboxes[grader.sha256] = Sandbox(grader.templates)
    found = _sandboxes[grader.sha256].get_template(name)
    assert isinstance(found, BoundedTemplate)
    return found


def source(folder: Path, name: str) -> tuple[str, Path]:
    """A template's text, front matter blanked so that line numbers stay true, and its file.

    It is looked for beside the grader, then among the bundled ones.
    """
    if "/" not in name and "\\" not in name and name.endswith(".jinja"):
        for path in (folder / name, bundled_folder() / name):
            if path.is_file():
                header, body = split(path)
                return "\n" * header.count("\n") + body, path
    raise GraderError(
        f"the template {name!r} does not exist",
        where=str(folder),
        expected="the plain name of a file that ends in .jinja, beside the grader or among the bundled prompts",
    )


def bundled_folder() -> Path:
    """The prompts that came with this installation: ``judge/bundled/prompts`` in a wheel, ``prompts/`` in a checkout."""
    package = Path(__file__).resolve().parents[1]
    wheel = package / "bundled" / "prompts"
    return wheel if wheel.is_dir() else package.parent / "prompts"


def split(path: Path) -> tuple[str, str]:
    """A prompt file's front matter (with its fences, so that lines can be counted) and its body."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GraderError("cannot read this prompt file", where=str(path), found=str(error)) from error
    match = re.match(r"---[ \t]*\n.*?^---[ \t]*\n", text, flags=re.DOTALL | re.MULTILINE)
    return (match[0], text[match.end() :]) if match else ("", text)


def load(path: Path) -> Grader:
    """Read and check one prompt file. Raises GraderError before anything is bought."""
    path = path.resolve()
    header, _ = split(path)
    if not header:
        raise GraderError(
            "no front matter",
            where=f"{path}:1",
            expected="YAML between two lines of ---, at the top of the file",
            do="start from a skeleton: judge graders new NAME; see docs/adding.md",
        )
    try:
        fields = yaml.safe_load(header.strip().strip("-"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise GraderError("front matter is not YAML", where=f"{path}:{line}", found=str(error)) from error
    if not isinstance(fields, dict):
        raise GraderError("front matter is not a mapping", where=f"{path}:1", found=type(fields).__name__)
    facets = fields.get("facets")
    if isinstance(facets, dict):
        fields["facets"] = {k: {"name": k, **v} if isinstance(v, dict) else v for k, v in facets.items()}
    templates = _templates(path)
    try:
        grader = Grader(**fields, path=path, templates=templates, sha256=_hash(path, templates))
    except (ValidationError, TypeError) as error:
        raise GraderError(
            "front matter does not describe a grader", where=f"{path}:1", found=_plain(error)
        ) from error
    named = path.stem.partition(".")[0]
    if grader.name != named:
        raise GraderError(
            "the file's name and the grader's name differ",
            where=f"{path}:1",
            found=f"name: {grader.name}",
            do=f"rename the file to {grader.name}.jinja, or the grader to {named} (a variant is {named}.ANYTHING.jinja)",
        )
    _check_body(grader)
    return grader


def _plain(error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'header'}: {e['msg']}" for e in error.errors())


def _templates(path: Path) -> dict[str, str]:
    """Name to source: the grader's file, what it includes, and the frame around it."""
    found: dict[str, str] = {}
    queue = [path.name, *FRAME]
    while queue:
        name = queue.pop(0)
        if name in found:
            continue
        found[name], file = source(path.parent, name)
        try:
            tree = Sandbox({}).parse(found[name], name, str(file))
            undeclared = meta.find_undeclared_variables(tree)
        except TemplateSyntaxError as error:
            raise GraderError(
                "not valid Jinja", where=f"{file}:{error.lineno}", found=error.message or ""
            ) from error
        except RecursionError as error:
            raise GraderError("this template is nested too deeply", where=str(file)) from error
        references = list(meta.find_referenced_templates(tree))
        if None in references:
            raise GraderError(
                "an include whose name is computed",
                where=str(path),
                do="write the name out, so that it can be hashed",
            )
        queue.extend(reference for reference in references if reference)
        if name not in FRAME:
            _check_names(undeclared, tree, file)
    return found


def _check_names(undeclared: set[str], tree: nodes.Template, file: Path) -> None:
    for unknown in sorted(undeclared - VARIABLES):
        uses = (node.lineno for node in tree.find_all(nodes.Name) if node.name == unknown)
        raise GraderError(
            f"the body refers to {unknown!r}, which nobody fills in",
            where=f"{file}:{min(uses, default=1)}",
            expected=f"one of {', '.join(sorted(VARIABLES))}",
        )


def _hash(path: Path, templates: Mapping[str, str]) -> str:
    digest = sha256(path.read_bytes())
    for name in sorted(templates):
        source = templates[name].encode()
        digest.update(f"\0{name}\0{len(source)}\0".encode())
        digest.update(source)
    return digest.hexdigest()


def _check_body(grader: Grader) -> None:
    """Everything that can go wrong in rendering goes wrong here, at load."""
    for filler in ("", "x"):
        context = dict.fromkeys(grader.view.context, filler)
        metadata = dict.fromkeys(grader.view.metadata, filler)
        try:
            render_body(grader, context, metadata)
        except BROKEN as error:
            raise GraderError(
                f"the body does not render: {error}",
                where=str(grader.path),
                do="name every key of context and metadata that the body uses in the header's view",
            ) from error
    for name, expression in grader.derived.items():
        try:
            derive(grader, {facet.name: () if facet.multilabel else "" for facet in grader.facets.values()})
        except BROKEN as error:
            raise GraderError(
                f"derived.{name} cannot be computed: {error}",
                where=f"{grader.path}:1",
                found=expression,
                expected=f"a Jinja expression over {', '.join(grader.facets)}",
            ) from error


def render_body(grader: Grader, context: Mapping[str, str], metadata: Mapping[str, Any]) -> str:
    """The rubric as it is sent. Raises jinja2.TemplateError."""
    body = template(grader, grader.path.name)
    text = body.render(grader=grader, facets=grader.facets, context=context, metadata=metadata)
    return text.strip() + "\n"


def derive(grader: Grader, values: Mapping[str, str | tuple[str, ...]]) -> dict[str, bool]:
    """Compute the composite labels from the facets' values. A composite whose facets are incomplete is left out."""
    results = {}
    for name, expression in grader.derived.items():
        compiled = Sandbox({}).compile_expression(expression, undefined_to_none=False)
        needed = meta.find_undeclared_variables(Sandbox({}).parse("{{ " + expression + " }}"))
        if needed <= set(values):
            results[name] = bool(compiled(**values))
        elif unknown := needed - set(grader.facets):
            raise TypeError(f"unknown facets {sorted(unknown)}")
    return results


def find(name: str, folder: Path | None = None) -> Path:
    """The prompt file that a name means: a path as it is, else ``<folder or ./prompts>/<name>.jinja``, else the bundled."""
    if name.endswith(".jinja") or "/" in name:
        if Path(name).is_file():
            return Path(name)
        raise GraderError("there is no such prompt file", where=name)
    places = [folder or Path("prompts"), bundled_folder()]
    for place in places:
        if (place / f"{name}.jinja").is_file():
            return place / f"{name}.jinja"
    known = sorted({path.stem for place in places for path in discover(place)})
    raise GraderError(
        f"there is no grader {name!r}",
        where=" or ".join(str(place) for place in places),
        expected=f"one of {', '.join(known) or '(none found)'}",
        do="name one of these, or give the path of a .jinja file",
    )


def discover(folder: Path) -> list[Path]:
    """The prompt files of a folder: every ``.jinja`` but shared parts (``_x.jinja``) and variants (``x.v2.jinja``)."""
    return sorted(
        path for path in folder.glob("*.jinja") if not path.name.startswith("_") and "." not in path.stem
    )


def variants(path: Path) -> list[Path]:
    """Other versions of a rubric that lie beside it, as ``x.v2.jinja`` does beside ``x.jinja``; of the same grader."""
    name = path.stem.partition(".")[0]
    return sorted(other for other in path.parent.glob(f"{name}.*.jinja") if other != path)
