from __future__ import annotations

import json
from pathlib import Path

import pytest

from secft.dataset.chunk import Chunk, TextBlock, chunk_blocks, token_counter
from secft.dataset.text import sentences
from secft.errors import InputError

COUNT = token_counter(None)


def prose(name: str, number: int) -> str:
    return " ".join(f"The {name} sentence number {index} says a little about it." for index in range(number))


def cut(*blocks: TextBlock, limit: int = 64) -> list[Chunk]:
    chunks = chunk_blocks(blocks, limit, COUNT)
    assert all(chunk.text.strip() and COUNT(chunk.text) <= limit for chunk in chunks)
    return chunks


def head(text: str, level: int = 1, page: int = 0) -> TextBlock:
    return TextBlock("heading", text, level, page)


def test_chunks_carry_the_path_of_their_headings_and_their_pages() -> None:
    first, second = cut(
        head("Password  Storage", 1, 3),
        TextBlock("text", prose("first", 4), page=3),
        head("Argon2", 2, 4),
        TextBlock("text", prose("second", 2), page=4),
        TextBlock("text", prose("third", 2), page=5),
    )
    assert (first.title, first.pages) == ("Password Storage", (3, 3))
    assert (second.title, second.path, second.pages) == (
        "Password Storage > Argon2",
        ("Password Storage", "Argon2"),
        (4, 5),
    )
    assert second.text == f"{prose('second', 2)}\n\n{prose('third', 2)}"


def test_a_higher_heading_ends_the_path() -> None:
    chunks = cut(
        *[b for h in (head("A"), head("B", 3), head("C", 2), head("D")) for b in (h, TextBlock("text", prose("x", 4)))]
    )
    assert [chunk.title for chunk in chunks] == ["A", "A > B", "A > C", "D"]


def test_cuts_between_paragraphs_repeat_nothing_and_are_balanced() -> None:
    paragraphs = [prose(f"p{index}", 2) for index in range(5)]
    chunks = cut(*[TextBlock("text", text) for text in paragraphs], limit=80)
    assert "\n\n".join(chunk.text for chunk in chunks) == "\n\n".join(paragraphs)
    sizes = [COUNT(chunk.text) for chunk in chunks]
    assert len(sizes) == 2
    assert min(sizes) > 0.5 * max(sizes)


def test_a_long_run_is_cut_between_sentences_and_repeats_a_tenth() -> None:
    text = " ".join(f"Short sentence {index}." for index in range(200))
    chunks = cut(TextBlock("text", text), limit=100)
    assert len(chunks) > 5
    whole = sentences(text)
    at = 0
    for chunk in chunks:
        inside = sentences(chunk.text)
        start = whole.index(inside[0])
        assert inside == whole[start : start + len(inside)]
        assert start <= at
        repeated = " ".join(whole[start:at])
        assert COUNT(repeated) <= 10
        assert at == 0 or repeated
        at = start + len(inside)
    assert at == len(whole)


def test_small_sections_are_merged_under_their_parent_with_their_headings() -> None:
    (chunk,) = cut(
        head("Hashing", 1, 1),
        TextBlock("text", "Choose one."),
        head("Argon2", 2, 1),
        TextBlock("text", "Use 19 MiB.", page=1),
        head("bcrypt", 2, 2),
        TextBlock("text", "Work factor 10.", page=2),
    )
    assert chunk.title == "Hashing"
    assert chunk.text == "Choose one.\n\nArgon2\n\nUse 19 MiB.\n\nbcrypt\n\nWork factor 10."
    assert chunk.pages == (1, 2)


def test_sections_of_different_parents_are_not_merged() -> None:
    chunks = cut(head("A"), head("a", 2), TextBlock("text", "One."), head("B"), head("b", 2), TextBlock("text", "Two."))
    assert [(chunk.title, chunk.text) for chunk in chunks] == [("A > a", "One."), ("B > b", "Two.")]


def test_merged_sections_without_a_parent_are_named_after_their_headings() -> None:
    (chunk,) = cut(*[b for name in "ABCDE" for b in (head(name), TextBlock("text", "Text."))])
    assert chunk.title == "A, B, C, …"
    assert chunk.text.startswith("A\n\nText.\n\nB\n\nText.")


def test_large_sections_stay_apart_and_nothing_grows_over_the_limit() -> None:
    chunks = cut(*[b for name in "ABCD" for b in (head(name), TextBlock("text", prose(name, 3)))])
    assert [chunk.title for chunk in chunks] == ["A", "B", "C", "D"]


def test_headings_without_content_are_kept_as_text() -> None:
    chunks = cut(
        head("A"), TextBlock("text", prose("a", 4)), head("Call us", 2), head("B"), TextBlock("text", prose("b", 4))
    )
    assert [chunk.title for chunk in chunks] == ["A", "B"]
    assert chunks[0].text == f"{prose('a', 4)}\n\nCall us"
    assert [(chunk.title, chunk.text) for chunk in cut(head("A"), head("Call us", 2))] == [("A", "Call us")]


def test_code_stays_whole_where_it_fits() -> None:
    code = "\n".join(f"x{index} = compute({index})" for index in range(9))
    chunks = cut(
        TextBlock("text", prose("before", 3)), TextBlock("code", code), TextBlock("text", prose("after", 3)), limit=70
    )
    assert sum(code in chunk.text for chunk in chunks) == 1


def test_fenced_code_over_the_limit_is_cut_at_lines_and_fenced_again() -> None:
    lines = [f"    x{index} = compute({index})  # step" for index in range(40)]
    chunks = cut(TextBlock("code", "\n".join(["```python", *lines, "```"])))
    assert len(chunks) > 2
    assert all(chunk.text.startswith("```python\n") and chunk.text.endswith("\n```") for chunk in chunks)
    found = [line for chunk in chunks for line in chunk.text.split("\n") if not line.startswith("```")]
    assert found == lines


def test_tables_over_the_limit_repeat_their_head() -> None:
    rows = [f"CWE-{index} | Weakness {index} | High" for index in range(40)]
    chunks = cut(TextBlock("table", "\n".join(["Id | Name | Risk", *rows])))
    assert len(chunks) > 3
    assert all(chunk.text.startswith("Id | Name | Risk\n") for chunk in chunks)
    assert [line for chunk in chunks for line in chunk.text.split("\n")[1:]] == rows


def test_lists_are_cut_between_items_and_what_announces_them_stays_with_them() -> None:
    items = "\n".join(f"- item {index} of the list" for index in range(8))
    chunks = cut(TextBlock("text", prose("before", 4)), TextBlock("text", "Do this:"), TextBlock("list", items))
    assert [chunk.text.split("\n")[0] for chunk in chunks][1:] == ["Do this:"]
    long = "\n".join(f"- item {index} of the list" for index in range(60))
    pieces = cut(TextBlock("list", long))
    assert "\n".join(piece.text for piece in pieces) == long


def test_one_word_without_end_is_cut_anywhere() -> None:
    chunks = cut(TextBlock("text", "A" * 5000))
    assert sum(chunk.text.count("A") for chunk in chunks) >= 5000
    assert not cut()
    assert not cut(TextBlock("text", " \n "))


def test_a_limit_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 8"):
        chunk_blocks([], 7, COUNT)


def test_tokens_are_counted_by_the_tokenizer_of_a_model(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    count = token_counter(tmp_path)
    assert count("a long word") == 3
    chunks = chunk_blocks([TextBlock("text", prose("x", 40))], 32, count)
    assert all(count(chunk.text) <= 32 for chunk in chunks)
    assert COUNT("x" * 9) == 3
    with pytest.raises(InputError, match="no such file"):
        token_counter(tmp_path / "none")
    (tmp_path / "tokenizer.json").write_text(json.dumps({"version": "1"}), encoding="utf-8")
    with pytest.raises(InputError, match="not a tokenizer"):
        token_counter(tmp_path)
