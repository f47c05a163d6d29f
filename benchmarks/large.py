"""Very large dictionaries: what an index saves, what it misses, and what memory holds.

For each size a dictionary is trained for a short while on real vectors, of which 4,096 are held
out, then indexed; sizes beyond the number of vectors have stand-in atoms, the vectors themselves
and mixtures of two, and say so. Encoding goes through a mapped file, with one thread; times are
those of the processor. Recall is that of the latents of exact search on the held-out rows.

Usage: ``python benchmarks/large.py [--vectors FILE.npy] [--sizes 16384 65536 262144 1000000]
[--active 32] [--epochs 1.0] [--folder DIR]``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from bench_data import Floats, vectors
from semascope.discover import Dictionary, TopKSAE
from semascope.kernels import ClusteredEncoder, LinearEncoder
from training import data

HELD = 4096


def seconds(run: Callable[[], object]) -> float:
    """Return the processor's seconds of the faster of two calls."""
    times = []
    for _ in range(2):
        before = time.process_time()
        run()
        times.append(time.process_time() - before)
    return min(times)


def trained(x: Floats, m: int, k: int, epochs: float) -> Dictionary:
    """Train for a short while; every latent begins as a row."""
    rows = int(epochs * len(x))
    model = TopKSAE(m, k, max_rows=rows, batch_size=4096, patience=0, random_state=0)
    return model.fit(x).dictionary_


def stand_in(x: Floats, m: int, k: int) -> Dictionary:
    """Return a dictionary whose latents are the rows, and mixtures of two of them, 7 to 3."""
    random, centre = np.random.default_rng(0), x.mean(axis=0)
    weight = np.empty((m, x.shape[1]), np.float32)
    weight[: len(x)] = x[:m] - centre
    for at in range(len(x), m, 65_536):
        n = min(65_536, m - at)
        pairs = random.integers(len(x), size=(2, n))
        weight[at : at + n] = 0.7 * x[pairs[0]] + 0.3 * x[pairs[1]] - centre
    bias = -(weight @ centre)
    return Dictionary(weight, bias, weight, centre, n_active=k)


def resident(path: Path, rows: Path, count: int) -> dict[str, int]:
    """Return the peak of resident megabytes of encoding in a process of its own, by kind."""
    command = [sys.executable, __file__, "--memory", str(path), str(rows), str(count)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def memory(path: str, rows: str, count: int) -> None:
    """Encode rows with a mapped dictionary and print peaks, sampled every few milliseconds."""
    import threading

    torch.set_num_threads(1)
    peaks = {"RssAnon": 0, "RssFile": 0}

    def sample() -> None:
        for line in Path("/proc/self/status").read_text().splitlines():
            name = line.split(":")[0]
            if name in peaks:
                peaks[name] = max(peaks[name], int(line.split()[1]) // 1024)

    x, done = np.load(rows)[:count], threading.Event()
    dictionary = Dictionary.load(path)
    dictionary.encode(x[:1], search="clustered")
    sample()
    before = dict(peaks)

    def watch() -> None:
        while not done.wait(0.002):
            sample()

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in dictionary.encode_blocks(x, refine="refit"):
        pass
    done.set()
    watcher.join()
    print(json.dumps(peaks | {f"{name} after one row": mb for name, mb in before.items()}))


def measure(path: Path, held: Floats, k: int) -> dict[str, float]:
    """Return recall at k and at 2k, and microseconds a row of each way, of a saved dictionary."""
    some = Dictionary.load(path)
    index, x = some.index, torch.from_numpy(held)
    parts = (some.encoder, some.encoder_bias, index.clusters)
    mapped, packed = ClusteredEncoder(*parts), ClusteredEncoder(*parts, packed=True)
    exact = LinearEncoder(*(torch.from_numpy(np.array(part)) for part in parts[:2]))
    truth = exact.topk(x, k, by_latent=True).latents.reshape(-1, k).numpy()
    found = mapped.topk(x, k, index.probes, by_latent=True).latents.reshape(-1, k).numpy()
    hit = [len(np.intersect1d(a, b, assume_unique=True)) for a, b in zip(truth, found, strict=True)]
    packed.topk(x[:1], k, 1)
    each = 1e6 / len(x)
    return {
        "recall": float(np.mean(hit)) / k,
        "exact": each * seconds(lambda: exact.topk(x, k)),
        "mapped": each * seconds(lambda: mapped.topk(x, k, index.probes)),
        "packed": each * seconds(lambda: packed.topk(x, k, index.probes)),
    }


def main() -> None:
    """Train or make, index and measure each size; print a Markdown table."""
    if sys.argv[1:2] == ["--memory"]:
        memory(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vectors", help=".npy; by default those of the benchmarks' text sets")
    parser.add_argument("--sizes", type=int, nargs="+", default=[4096, 16_384, 1_000_000])
    parser.add_argument("--active", type=int, default=32)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--folder", help="where dictionaries stay and are found again")
    args = parser.parse_args()
    torch.set_num_threads(1)
    x = vectors(args.vectors) if args.vectors else data()
    held, fit = x[:HELD].copy(), x[HELD:]
    print(
        "| latents | clusters | probes | flops, exact / index | recall | "
        "us a row: exact | index | index, packed | s to index | MB resident, anonymous + file |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    with tempfile.TemporaryDirectory(dir=args.folder) as scratch:
        rows = Path(scratch) / "held.npy"
        np.save(rows, held)
        for m in args.sizes:
            real = len(fit) >= m * 1.1
            kept = Path(args.folder or scratch) / f"{m}.safetensors"
            if not kept.exists():
                made = trained(fit, m, args.active, args.epochs) if real else None
                (made or stand_in(fit, m, args.active)).save(kept)
                del made
            before = time.perf_counter()
            # Stand-ins are vectors: the rows to learn from should be others, as far as there are.
            learn = fit if real or m > len(fit) else fit[m:]
            some = Dictionary.load(kept).indexed(learn, recall=args.recall)
            took = time.perf_counter() - before
            path = Path(scratch) / "indexed.safetensors"
            some.save(path)
            found, mb = measure(path, held, args.active), resident(path, rows, HELD)
            print(
                f"| {m:,}{'' if real else ' (stand-in)'} | {some.index.clusters.n} "
                f"| {some.index.probes} | {1 / some.index.cost:.1f} | {found['recall']:.3f} "
                f"| {found['exact']:.0f} | {found['mapped']:.0f} | {found['packed']:.0f} "
                f"| {took:.0f} | {mb['RssAnon']} + {mb['RssFile']} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
