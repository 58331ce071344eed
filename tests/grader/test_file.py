import pytest

from judge.errors import GraderError
from judge.grader import file as grader_file
from tests.samples import GRADER, grader


def broken(tmp_path, text, name="colour"):
    with pytest.raises(GraderError) as caught:
        grader(tmp_path, text, name)
    return str(caught.value)


def test_a_sound_file_loads(tmp_path):
    loaded = grader(tmp_path)
    assert (loaded.name, loaded.primary, list(loaded.facets)) == (
        "colour",
        "colour",
        ["colour", "strength", "shades"],
    )
    assert loaded.facets["colour"].vocabulary == ("none", "red", "blue", "indeterminate")
    assert len(loaded.sha256) == 64


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "1", "1_0", "null", "1.5"])
def test_a_label_that_yaml_guesses_a_type_for_must_be_quoted(tmp_path, word):
    message = broken(tmp_path, GRADER.replace("red: red is chosen", f"{word}: red is chosen"))
    assert "quote it" in message and "colour" in message
    assert grader(tmp_path, GRADER.replace("'1': a little", f"'{word.replace('.', '_')}x': a little"))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("primary: colour", "primary: color", "color"),
        ("version: 1", "version: one", "version"),
        ("version: 1\n", "", "version"),
        ("scale: nominal", "scale: fuzzy", "scale"),
        ("positive: [red, blue]", "positive: [red, green]", "green"),
        ("nulls: {indeterminate: cannot be told}", "nulls: {red: again}", "red"),
        ("description: which", "descripton: which", "descripton"),
        ("name: colour", "name: shade", "rename"),
        ("evidence_from: [assistant]", "evidence_from: [model]", "evidence_from"),
        ("strong_red: colour == 'red'", "strong_red: hue == 'red'", "hue"),
        ("strong_red: colour ==", "strong_red: colour === =", "strong_red"),
        ("{light: light, dark: dark, none: no shade}", "{light: light}", "two labels"),
        ("question: Which colour is chosen?", "query: x", "query"),
        ("red: red is chosen", "Red Thing: red is chosen", "lower case"),
    ],
)
def test_what_is_wrong_with_a_header_is_named(tmp_path, old, new, says):
    assert says in broken(tmp_path, GRADER.replace(old, new))


def test_yaml_trouble_names_the_line(tmp_path):
    message = broken(tmp_path, GRADER.replace("primary: colour", "primary: [colour"))
    assert "colour.jinja:" in message and "YAML" in message


@pytest.mark.parametrize("text", ["just a rubric", "", "---\nname: x\n", "---\n- a\n---\nbody"])
def test_a_file_without_a_header_is_no_grader(tmp_path, text):
    assert "front matter" in broken(tmp_path, text)


def test_an_undefined_name_in_the_body_is_found_at_load_with_its_true_line(tmp_path):
    text = GRADER + "\nSecond line.\n{{ transcript.messages }}\n"
    message = broken(tmp_path, text)
    line = text.splitlines().index("{{ transcript.messages }}") + 1
    assert f"colour.jinja:{line}" in message and "transcript" in message


def test_a_context_key_that_the_view_does_not_ask_for_is_refused(tmp_path):
    assert "view" in broken(tmp_path, GRADER + "{{ context.policy }}")
    asked = GRADER.replace("facets:", "view: {context: [policy]}\nfacets:", 1)
    assert grader(tmp_path, asked + "{{ context.policy }}")


def test_a_syntax_error_names_file_and_line(tmp_path):
    text = GRADER + "{% if %}\n"
    assert f"colour.jinja:{len(GRADER.splitlines()) + 1}" in broken(tmp_path, text)


def test_a_missing_include_is_named(tmp_path):
    assert "_nowhere.jinja" in broken(tmp_path, GRADER + "{% include '_nowhere.jinja' %}")


@pytest.mark.parametrize("name", ["../secret.jinja", "/etc/passwd", "colour.txt"])
def test_an_include_cannot_leave_the_folder_or_read_other_files(tmp_path, name):
    (tmp_path / "secret.jinja").write_text("secret")
    folder = tmp_path / "prompts"
    folder.mkdir()
    with pytest.raises(GraderError):
        grader(folder, GRADER + "{% include '" + name + "' %}")


def test_the_hash_covers_header_body_and_includes(tmp_path):
    (tmp_path / "_part.jinja").write_text("one")
    text = GRADER + "{% include '_part.jinja' %}"
    first = grader(tmp_path, text).sha256
    assert grader(tmp_path, text).sha256 == first
    assert grader(tmp_path, text + ".").sha256 != first
    assert grader(tmp_path, text.replace("version: 1", "version: 2")).sha256 != first
    (tmp_path / "_part.jinja").write_text("two")
    assert grader(tmp_path, text).sha256 != first


def test_an_own_frame_template_takes_the_place_of_the_bundled_one_and_changes_the_hash(tmp_path):
    first = grader(tmp_path).sha256
    (tmp_path / "_system.jinja").write_text("You judge.")
    assert grader(tmp_path).sha256 != first


def test_names_are_looked_up_in_the_folder_given_then_among_the_bundled(tmp_path):
    grader(tmp_path)
    assert grader_file.find("colour", tmp_path) == tmp_path / "colour.jinja"
    assert grader_file.find("reward_seeking", tmp_path).name == "reward_seeking.jinja"
    with pytest.raises(GraderError, match="reward_seeking"):
        grader_file.find("no_such_grader", tmp_path)
    with pytest.raises(GraderError, match="no such prompt file"):
        grader_file.find(str(tmp_path / "gone.jinja"))


def test_composites_are_computed_and_left_out_where_a_facet_is_missing(tmp_path):
    loaded = grader(tmp_path)
    assert grader_file.derive(loaded, {"colour": "red", "strength": "2", "shades": ()}) == {
        "strong_red": True
    }
    assert grader_file.derive(loaded, {"colour": "red", "strength": "1", "shades": ()}) == {
        "strong_red": False
    }
    assert grader_file.derive(loaded, {"colour": "red"}) == {}
