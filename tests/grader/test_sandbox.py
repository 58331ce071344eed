"""A prompt file from a stranger reads nothing, writes nothing, runs nothing, and ends."""

import time

import pytest

from judge.errors import GraderError
from judge.grader.file import load, render_body
from judge.grader.sandbox import MAX_STEPS, MAX_TEXT, Sandbox
from tests.samples import GRADER, grader, transcript


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ grader.model_construct.__globals__ }}",
        "{{ facets.__class__.__init__.__globals__ }}",
        "{{ facets.clear() }}",
        "{{ grader.facets.update({}) }}",
        "{{ grader.path }}",
        "{{ grader.path.read_text() }}",
        "{{ grader.templates }}",
        "{{ grader.model_dump() }}",
        "{{ grader.model_copy(update={}) }}",
        "{{ (facets.values()|first).model_dump_json() }}",
        "{{ '{0.__class__}'.format(grader) }}",
        "{{ '%s' % grader }}",
        "{{ [grader]|map(attribute='path')|first }}",
        "{{ [grader]|map('attr', 'path')|first }}",
        "{{ lipsum(1000) }}",
        "{{ [1, 2, 3]|random }}",
        "{% set c = cycler(1, 2) %}{{ c.next() }}",
    ],
)
def test_a_rubric_reaches_nothing_but_its_own_header(tmp_path, attack):
    with pytest.raises(GraderError):
        grader(tmp_path, GRADER + attack)


def test_a_rubric_cannot_write(tmp_path):
    made = tmp_path / "made"
    with pytest.raises(GraderError):
        grader(tmp_path, GRADER + "{{ grader.path.parent.joinpath('made').write_text('x') }}")
    assert not made.exists()


TEN = "{% for i in range(10) %}"
BOMBS = {
    "a long loop": "{% for i in range(10**9) %}{% endfor %}",
    "many loops": "{% for i in range(90000) %}{% endfor %}",
    "nested loops": TEN * 9 + "x" + "{% endfor %}" * 9,
    "loops over text": "{% for a in 'x' * 999 %}{% for b in 'x' * 999 %}{% for c in 'x' * 999 %}{% endfor %}{% endfor %}{% endfor %}",
    "a macro that doubles": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "a macro without end": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a block in itself": "{% block b %}{{ self.b() }}{{ self.b() }}{% endblock %}",
    "a call in a call": "{% macro m(n) %}{% if n %}{% call m(n - 1) %}{% endcall %}{% call m(n - 1) %}{% endcall %}{% endif %}{% endmacro %}{{ m(60) }}",
    "an include of itself": "{% include 'mine.jinja' %}{% include 'mine.jinja' %}",
    "a recursive loop": "{% for i in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}",
    "a long text": "{{ 'x' * 10**9 }}",
    "a long list": "{{ ([1] * 10**9)|length }}",
    "a text that doubles": "{% set n = namespace(s='xx') %}{% for i in range(40) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
    "a sum that doubles": "{% set n = namespace(s='xx') %}{% for i in range(40) %}{% set n.s = n.s + n.s %}{% endfor %}",
    "a list that doubles": "{% set n = namespace(s=[1, 2]) %}{% for i in range(40) %}{% set n.s = n.s + n.s %}{% endfor %}",
    "replacements": "{% set x = 'a' * 9999 %}{{ x|replace('a', x)|replace('a', x) }}",
    "a method's replacements": "{% set x = 'a' * 9999 %}{{ x.replace('a', x).replace('a', x) }}",
    "joined": "{% set x = 'a' * 99999 %}{{ (['a'] * 99999)|join(x) }}",
    "a method's join": "{% set x = 'a' * 99999 %}{{ x.join(['a'] * 99999) }}",
    "padding": "{{ 'x'|center(10**9) }}",
    "a method's padding": "{{ 'x'.ljust(10**9) }}",
    "indented": "{{ 'x\\ny'|indent(10**9) }}",
    "formatted": "{{ '%999999999d'|format(1) }}",
    "much output": "{% set x = 'a' * 900000 %}{% for i in range(5000) %}{{ x }}{% endfor %}",
    "a power": "{{ 10**10**10 }}",
    "squares": "{% set n = namespace(i=7) %}{% for i in range(60) %}{% set n.i = n.i * n.i %}{% endfor %}",
    "a precision": "{{ 1.5|round(10**9, 'ceil') }}",
    "slices": "{{ [1]|slice(10**9)|list|length }}",
    "batches": "{{ [1]|batch(10**9, 'x')|list|length }}",
    "spaces": "{{ {'a': [1]}|tojson(indent=10**9) }}",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_rubric_ends_and_stays_small(tmp_path, bomb):
    begun = time.process_time()
    (tmp_path / "mine.jinja").write_text((GRADER + bomb).replace("name: colour", "name: mine"))
    with pytest.raises(GraderError):
        load(tmp_path / "mine.jinja")
    assert time.process_time() - begun < 20  # a bomb that went off would take for ever, or the machine


def test_a_bomb_that_waits_for_its_victim_does_no_harm_either(tmp_path):
    view = "view: {context: [policy]}\nfacets:"
    body = "{% if context.policy|length > 1 %}{% for i in range(90000) %}{% endfor %}{% endif %}"
    loaded = grader(tmp_path, GRADER.replace("facets:", view, 1) + body)
    with pytest.raises(Exception, match="steps"):
        render_body(loaded, {"policy": "be kind"}, {})


def test_what_rubrics_need_is_there(tmp_path):
    body = """
{% macro line(name, meaning) %}- {{ name }}: {{ meaning|trim }}{% endmacro %}
{% for facet in facets.values() if facet.labels %}
{% for label, meaning in facet.labels.items() %}
{{ line(label, meaning) }}{{ ", last" if loop.last }}{{ loop.cycle("", " ") }}
{% endfor %}{% endfor %}
{{ facets|join(", ")|replace("_", " ")|upper }} {{ facets.values()|map(attribute="name")|sort|join("/") }}
{{ "a b".split()|last }} {{ 7 * 6 }} {{ "ab" * 2 }} {{ "x" ~ 1 }} {{ (facets|length) ** 1 if false }}
"""
    text = render_body(grader(tmp_path, GRADER + body), {}, {})
    assert "COLOUR" in text
    assert "42 abab x1" in text


def test_what_is_handed_in_may_be_larger_than_what_is_made():
    one = transcript(("assistant", "text", "word " * 50)).messages[0]
    messages = [one] * (MAX_STEPS // 4)
    shown = "{% for message in messages %}{{ message.text }}{% endfor %}"
    sandbox = Sandbox({"t": shown, "twice": shown * 9})
    assert len(sandbox.get_template("t").render(messages=messages)) > MAX_TEXT
    with pytest.raises(Exception, match=r"steps|characters"):
        sandbox.get_template("twice").render(messages=messages)
