"""Cutting texts, averaging their pieces and planning batches keep their promises on any input."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from semascope.core import InputError
from semascope.embed.pieces import (
    SPLIT_MODES,
    aggregate,
    as_texts,
    padded_width,
    plan_batches,
    split_text,
)

prose = st.lists(
    st.sampled_from(
        ["Dr.", "Smith", "paid", "3.50", ".", "!", "?", "...", " ", "\n\n", "\r\n\r\n", "e.g.",
         "J.", "Why", "it", '"', ")", "1.", "。", "好", "…", "ok", ":)", "\t", "U.S.", "no.", "7"]
    ),
    max_size=40,
).map(lambda words: " ".join(words)) | st.text(max_size=80)  # fmt: skip


class TestSplitText:
    @given(prose, st.sampled_from(SPLIT_MODES))
    def test_loses_nothing_but_white_space(self, text, how):
        pieces = split_text(text, how)
        assert "".join("".join(pieces).split()) == "".join(text.split())

    @given(prose, st.sampled_from(SPLIT_MODES))
    def test_pieces_are_trimmed_and_never_blank(self, text, how):
        pieces = split_text(text, how)
        assert pieces == [text] or all(piece and piece == piece.strip() for piece in pieces)

    @given(prose)
    def test_every_sentence_holds_a_letter_if_its_paragraph_does(self, text):
        text = " ".join(text.split())
        pieces = split_text(text, "sentence")
        assert len(pieces) == 1 or all(any(map(str.isalpha, piece)) for piece in pieces)

    @given(prose)
    def test_no_sentence_crosses_a_paragraph(self, text):
        assert len(split_text(text, "sentence")) >= len(split_text(text, "paragraph"))

    @pytest.mark.parametrize(
        ("text", "pieces"),
        [
            ("One. Two! Three?", ["One.", "Two!", "Three?"]),
            ("Dr. No met Mr. Bond. They fought.", ["Dr. No met Mr. Bond.", "They fought."]),
            ("See e.g. Section 2. Done.", ["See e.g. Section 2.", "Done."]),
            ("It cost 3.50 at example.com. Fine.", ["It cost 3.50 at example.com.", "Fine."]),
            ("J. Doe wrote it. I read it.", ["J. Doe wrote it.", "I read it."]),
            ("The answer is no. Then why?", ["The answer is no.", "Then why?"]),
            ("Take No. 5 now. Go.", ["Take No. 5 now.", "Go."]),
            ('"Really?" he said. "Yes."', ['"Really?" he said.', '"Yes."']),
            ("i called. they hung up. awful!", ["i called.", "they hung up.", "awful!"]),
            ("bread, milk etc. was gone. ok", ["bread, milk etc. was gone.", "ok"]),
            ("Great! :)", ["Great! :)"]),
            ("1. Open it. 2. Close it.", ["1. Open it.", "2. Close it."]),
            ("今天很好。明天也好!", ["今天很好。", "明天也好!"]),
            ("Well... maybe. Yes", ["Well... maybe.", "Yes"]),
            ("Première. Éclair. Ça va?", ["Première.", "Éclair.", "Ça va?"]),
            ("  no end  ", ["  no end  "]),
        ],
    )
    def test_sentences(self, text, pieces):
        assert split_text(text, "sentence") == pieces

    def test_paragraphs_end_at_blank_lines_only(self):
        text = "One. Still one\nand here.\n \nTwo.\r\n\r\n\r\nThree."
        assert split_text(text, "paragraph") == ["One. Still one\nand here.", "Two.", "Three."]

    def test_unknown_mode_is_named(self):
        with pytest.raises(InputError, match="got 'sentences'; did you mean 'sentence'"):
            split_text("a", "sentences")


vectors = arrays(np.float32, (6, 4), elements=st.floats(-4, 4, width=32))


class TestAggregate:
    @given(vectors, st.lists(st.integers(1, 50), min_size=6, max_size=6))
    def test_is_the_weighted_mean(self, x, weights):
        weights, counts = np.array(weights), np.array([1, 3, 2])
        result = aggregate(x * 10 + 100, weights, counts)
        for i, part in enumerate([slice(0, 1), slice(1, 4), slice(4, 6)]):
            expected = np.average((x * 10 + 100)[part], axis=0, weights=weights[part])
            np.testing.assert_allclose(result[i], expected, rtol=1e-5)

    @given(vectors, st.integers(1, 9))
    def test_scale_of_weights_is_irrelevant_and_single_pieces_stay(self, x, scale):
        weights, counts = np.arange(1, 7), np.array([2, 1, 1, 2])
        result = aggregate(x, weights, counts)
        np.testing.assert_allclose(
            aggregate(x, weights * scale, counts), result, rtol=1e-6, atol=1e-7
        )
        assert (result[1:3] == x[2:4]).all()

    @given(vectors)
    def test_unit_pieces_give_unit_items(self, x):
        x = x + np.float32(5)
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        result = aggregate(x, np.arange(1, 7), np.array([3, 3]))
        np.testing.assert_allclose(np.linalg.norm(result, axis=1), 1, atol=1e-6)

    def test_opposite_pieces_leave_zero_not_nan(self):
        x = np.array([[1, 0], [-1, 0]], dtype=np.float32)
        assert (aggregate(x, np.array([2, 2]), np.array([2])) == 0).all()


class TestPlan:
    @given(
        st.lists(st.integers(1, 300), min_size=1, max_size=60),
        st.integers(1, 600),
        st.booleans(),
    )
    def test_covers_every_text_once_within_budget(self, widths, batch_tokens, uniform):
        widths = np.array(widths)
        plan = list(plan_batches(widths, batch_tokens, uniform=uniform))
        assert sorted(np.concatenate(plan)) == list(range(len(widths)))
        for batch in plan:
            assert len(batch) == 1 or widths[batch].max() * len(batch) <= batch_tokens
            assert not uniform or len(set(widths[batch])) == 1
        longest = [widths[batch].max() for batch in plan]
        assert longest == sorted(longest, reverse=True)

    @given(st.integers(1, 5000), st.none() | st.integers(8, 512))
    def test_width_fits_the_text_and_wastes_little(self, tokens, longest):
        width = padded_width(tokens, longest)
        assert width >= (tokens if longest is None else min(tokens, longest))
        assert width <= max(8, 1.25 * tokens + 2)
        assert longest is None or width <= longest


class TestAsTexts:
    @pytest.mark.parametrize("kind", [list, tuple, np.array, pl.Series, iter])
    def test_takes_any_column(self, kind):
        rows = as_texts(kind(["a", "ü b"]))
        assert rows == ["a", "ü b"]
        assert type(rows) is list

    def test_takes_pandas_and_arrow(self):
        pd, pa = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
        assert as_texts(pd.Series(["a", "b"], index=[7, 8])) == ["a", "b"]
        assert as_texts(pa.chunked_array([["a"], ["b"]])) == ["a", "b"]

    @pytest.mark.parametrize(
        ("texts", "message"),
        [
            ("one", "got one string; pass a list"),
            (b"one", "got one string; pass a list"),
            ([], "texts are empty"),
            (["a", None], r"found NoneType \(None\) at row 1; drop or fill that row"),
            (["a", "b", 3], r"found int \(3\) at row 2"),
            (["a", " \n"], "the text at row 1 is blank"),
            (["", "a"], "the text at row 0 is blank"),
            (["a", "\ud83d"], "the text at row 1 holds half a character"),
            (pl.Series(["a", None]), "found NoneType .* at row 1"),
            (pl.DataFrame({"text": ["a"]}), "one column of texts, got DataFrame"),
            ({"text": ["a"]}, "one column of texts, got dict"),
            (np.array([["a", "b"]]), "one column of texts, got ndarray"),
            (7, "must be a list of texts, got int"),
        ],
    )
    def test_says_what_is_wrong(self, texts, message):
        with pytest.raises(InputError, match=message):
            as_texts(texts)
