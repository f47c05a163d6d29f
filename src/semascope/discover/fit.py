"""From rows of vectors to a trained dictionary: preparation, training, folding."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from semascope.core import InputError, generator, listed
from semascope.discover.dictionary import Dictionary
from semascope.discover.recipe import Recipe, number
from semascope.discover.sizes import check_sizes
from semascope.discover.start import first_atoms, first_scale
from semascope.discover.state import State, load_states, owned
from semascope.discover.trainer import fvu, step, train
from semascope.kernels import LinearEncoder, as_device
from semascope.vectors import Float32Array, Shuffled, VectorSource, moments

_HELD_OUT_ROWS = 8192
_FIRST_ROWS = 65_536


@dataclass(frozen=True)
class Fit:
    """A trained dictionary and how training went.

    Parameters
    ----------
    dictionary : Dictionary
        The inference form, in the units of the vectors.
    recipe : Recipe
        What was asked for, every default filled in.
    state : State
        The trainer's state, from which training can go on.
    centre : Tensor of shape (d,)
        What was subtracted from the rows.
    scale : float
        What the rows were divided by.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import Recipe, fit_dictionary
    >>> from semascope.vectors import as_source
    >>> x = np.random.default_rng(0).standard_normal((200, 8))
    >>> fit = fit_dictionary(as_source(x), Recipe(16, 2, max_rows=2000))
    >>> fit.dictionary.n_components
    16
    """

    dictionary: Dictionary
    recipe: Recipe
    state: State
    centre: Tensor
    scale: float

    def prepare(self, rows: Float32Array) -> Tensor:
        """Centre and scale a batch the way training did."""
        return _prepare(rows, self.centre, self.scale)


def fit_dictionary(
    source: VectorSource,
    recipe: Recipe,
    *,
    index: npt.NDArray[np.int64] | None = None,
    validation_fraction: float = 0.05,
    checkpoint: Path | None = None,
    checkpoint_every: float = 60.0,
    on_step: Callable[[int, float], None] = lambda rows, fvu: None,
    device: str = "cpu",
) -> Fit:
    """Learn a dictionary from the rows of a source.

    Parameters
    ----------
    source : VectorSource
        Vectors (n, d).
    recipe : Recipe
        Sizes and training parameters.
    index : ndarray of int64, optional
        Rows to learn from, ascending; by default all of them.
    validation_fraction : float, default 0.05
        Share of these rows, at most 8192, kept out of training to decide when to stop and which
        weights to keep.
    checkpoint : Path, optional
        File for the state of training. If it exists, training goes on from it, and ends with the
        same bytes as if it had never stopped. One that cannot be written any more, say on a full
        disc, is a warning: training goes on.
    checkpoint_every : float, default 60
        Seconds between checkpoints.
    on_step : callable
        Told the rows of each step and the latest held-out FVU.
    device : {"cpu", "cuda", "auto"}, default "cpu"
        Where to train; "auto" is a GPU if there is one, and not the default because small data
        trains as fast without. Centre, scale and first atoms are found on the CPU, so that they are
        the same everywhere; a checkpoint goes on from either.

    Raises
    ------
    InputError
        If there are fewer rows than atoms, all rows are equal, training diverged, or there is no
        GPU.
    ArtifactError
        If the checkpoint is damaged, in use by another process, or belongs to another run.
    """
    return fit_dictionaries(
        source,
        [recipe],
        index=index,
        validation_fraction=validation_fraction,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        on_step=on_step,
        device=device,
    )[0]


def fit_dictionaries(
    source: VectorSource,
    recipes: Sequence[Recipe],
    *,
    index: npt.NDArray[np.int64] | None = None,
    validation_fraction: float = 0.05,
    checkpoint: Path | None = None,
    checkpoint_every: float = 60.0,
    on_step: Callable[[int, float], None] = lambda rows, fvu: None,
    device: str = "cpu",
) -> list[Fit]:
    """Learn several dictionaries from the same batches, so that rows are read only once.

    The first recipe's seed gives the held-out rows and the order of the others. Each dictionary is
    the one that `fit_dictionary` learns alone with that order. The parameters are those of
    `fit_dictionary`; one checkpoint holds all dictionaries.

    Raises
    ------
    InputError
        If there are fewer rows than atoms, all rows are equal, training diverged, or batch sizes
        differ.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import Recipe, fit_dictionaries
    >>> from semascope.vectors import as_source
    >>> rows = as_source(np.random.default_rng(0).standard_normal((200, 8)))
    >>> fits = fit_dictionaries(rows, [Recipe(m, 2, max_rows=2000) for m in (16, 32)])
    >>> [fit.dictionary.n_components for fit in fits]
    [16, 32]
    """
    if number("validation_fraction", validation_fraction, most=1) == 1:
        raise InputError("validation_fraction must be below 1: no row would be left to learn from")
    number("checkpoint_every", checkpoint_every)
    place = as_device(device)
    if not recipes:
        raise InputError("there is no dictionary to learn: give at least one recipe")
    sizes = {recipe.batch_size for recipe in recipes}
    if len(sizes) > 1:
        raise InputError(
            f"dictionaries learned together share their batches, and here batch_size is "
            f"{listed(map(str, sorted(sizes)))}; choose one"
        )
    rows = np.arange(source.shape[0]) if index is None else index
    for recipe in recipes:
        check_sizes(len(rows), recipe.n_components, recipe.n_active)
    with owned(checkpoint):
        centre, scale = _centre(source, rows)
        seed = recipes[0].seed
        held, kept = _held_out(rows, seed, validation_fraction)
        held_out = _prepare(source.take(held), centre, scale)
        data = Shuffled(source, kept, recipes[0].batch_size, seed)
        print_ = _fingerprint(recipes, centre, scale, len(rows))
        if checkpoint is not None and checkpoint.exists():
            states = load_states(checkpoint, print_)
        else:
            states = [_start(recipe, source, kept, centre, scale) for recipe in recipes]
        states = [state.to(place) for state in states]
        train(
            list(zip(recipes, states, strict=True)),
            data,
            held_out.to(place),
            lambda batch: _prepare(batch, centre, scale).to(place),
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            fingerprint=print_,
            on_step=on_step,
        )
    states = [state.to(torch.device("cpu")) for state in states]
    if not all(np.isfinite(state.best_fvu) for state in states):
        raise InputError("training diverged: its error is not finite; lower learning_rate")
    return [
        Fit(fold(recipe, state.best, centre, scale, held_out), recipe, state, centre, scale)
        for recipe, state in zip(recipes, states, strict=True)
    ]


def fit_more(source: VectorSource, start: Fit | Recipe, *, device: str = "cpu") -> Fit:
    """Take one pass over the rows of a source, from a recipe or from an earlier fit.

    The learning rate stays at its peak; all rows train, none is held out.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import Recipe, fit_more
    >>> from semascope.vectors import as_source
    >>> rows = as_source(np.random.default_rng(0).standard_normal((200, 8)))
    >>> fit = fit_more(rows, Recipe(16, 2))
    >>> fit_more(rows, fit).state.rows_seen
    400
    """
    place = as_device(device)
    index = np.arange(source.shape[0])
    if isinstance(start, Recipe):
        check_sizes(len(index), start.n_components, start.n_active)
        centre, scale = _centre(source, index)
        state = _start(start, source, index, centre, scale)
        recipe = start
    else:
        recipe, state, centre, scale = start.recipe, start.state, start.centre, start.scale
    data = Shuffled(source, index, recipe.batch_size, recipe.seed)
    state = state.to(place)
    for batch in data.epoch(state.step):
        step(recipe, state, _prepare(batch, centre, scale).to(place), recipe.learning_rate)
    state = state.to(torch.device("cpu"))
    sample = _prepare(source.take(index[:_HELD_OUT_ROWS]), centre, scale)
    state.best = {name: w.clone() for name, w in state.weights.items()}
    state.best_fvu = fvu(recipe, state.best, sample)
    return Fit(fold(recipe, state.best, centre, scale, sample), recipe, state, centre, scale)


def _centre(source: VectorSource, rows: npt.NDArray[np.int64]) -> tuple[Tensor, float]:
    centre, variance = moments(source, rows)
    if variance == 0:
        raise InputError(f"all {len(rows)} rows are equal: there is nothing to learn from them")
    # Below that the rounding of float32, 1e-7 of a number, is no longer small beside the spread.
    if variance <= 1e-12 * float(centre @ centre):
        raise InputError(
            f"the {len(rows)} rows differ by {np.sqrt(variance):.2g} around a mean of length "
            f"{np.linalg.norm(centre):.2g}, which float32 hardly resolves; subtract the mean first "
            "(X - X.mean(axis=0)), in float64"
        )
    return torch.from_numpy(centre).float(), float(np.sqrt(variance))


def fold(
    recipe: Recipe, weights: dict[str, Tensor], centre: Tensor, scale: float, sample: Tensor
) -> Dictionary:
    """Turn trained weights into an inference form in the units of the vectors.

    It shares the memory of the weights. Batch top-k becomes one threshold, the one at which rows of
    `sample` (prepared, not trained on) keep `n_active` latents on average.

    Examples
    --------
    >>> import torch
    >>> from semascope.discover import Recipe, State, fold
    >>> weights = State.start(torch.eye(2), torch.zeros(2)).weights
    >>> fold(Recipe(2, 1), weights, torch.ones(2), 2.0, torch.eye(2)).bias.tolist()
    [1.0, 1.0]
    """
    encoder, bias = weights["encoder"], weights["encoder_bias"]
    threshold = None
    if recipe.batch_topk:
        keep = recipe.n_active * len(sample)
        codes, level = LinearEncoder(encoder, bias).batch_topk(sample, recipe.n_active)
        if len(codes.values) < keep:
            level = 0.0
        threshold = np.full(recipe.n_components, level * scale, dtype=np.float32)
    return Dictionary(
        encoder=encoder.numpy(),
        # codes' = scale * codes, so that atoms keep unit norm in the units of the vectors
        encoder_bias=(bias * scale - encoder @ centre).numpy(),
        atoms=weights["atoms"].numpy(),
        bias=(centre + scale * weights["bias"]).numpy(),
        n_active=None if recipe.batch_topk else recipe.n_active,
        threshold=threshold,
    )


def _start(
    recipe: Recipe, source: VectorSource, kept: npt.NDArray[np.int64], centre: Tensor, scale: float
) -> State:
    sample, most = kept, max(_FIRST_ROWS, recipe.n_components)
    if len(kept) > most:
        draw = generator(recipe.seed, "first rows").choice(len(kept), most, replace=False)
        sample = kept[np.sort(draw)]
    x = _prepare(source.take(sample), centre, scale)
    atoms = first_atoms(x, recipe.n_components, recipe.seed)
    return State.start(atoms, torch.zeros(x.shape[1]), first_scale(recipe, atoms, x[:4096]))


def _held_out(
    rows: npt.NDArray[np.int64], seed: int, fraction: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    count = min(_HELD_OUT_ROWS, int(len(rows) * fraction))
    if count < 8:
        # Too few rows to spare any: training rows stand in, and the FVU is that of training.
        return rows, rows
    mixed = generator(seed, "held out").permutation(len(rows))
    return rows[np.sort(mixed[:count])], rows[np.sort(mixed[count:])]


def _prepare(rows: Float32Array, centre: Tensor, scale: float) -> Tensor:
    # One layout, whatever the source had: the kernels then do the same sums in the same order.
    return (torch.from_numpy(np.ascontiguousarray(rows)) - centre) / scale


def _fingerprint(recipes: Sequence[Recipe], centre: Tensor, scale: float, n: int) -> str:
    facts = [[asdict(recipe) for recipe in recipes], centre.tolist(), scale, n]
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()
