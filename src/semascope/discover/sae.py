"""Sparse autoencoders as scikit-learn transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from semascope.core import InputError, progress, seed_from
from semascope.discover.coder import Refine, check_refine
from semascope.discover.dictionary import Dictionary
from semascope.discover.fit import Fit, fit_dictionaries, fit_dictionary, fit_more
from semascope.discover.recipe import Recipe, recipe_for
from semascope.vectors import VectorSource, as_source


class TopKSAE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Sparse autoencoder that keeps the `k` strongest latents of each row.

    A dictionary of `m` unit-norm atoms and a linear encoder are trained so that every row is a
    non-negative sum of `k` atoms. Dead latents are revived by an auxiliary loss; the weights with
    the lowest FVU on held-out rows are kept.

    Parameters
    ----------
    n_components : int, optional
        Number of atoms, `m`. By default chosen from the number of rows (`default_sizes`).
    n_active : int, optional
        Active latents of a row, `k`. By default chosen with `n_components`.
    max_rows : int, optional
        Budget of training, in rows seen (epochs times rows).
    batch_size : int, optional
        Rows in a step.
    learning_rate : float, optional
        Peak rate of Adam.
    aux_coefficient : float, default 1/32
        Weight of the loss of dead latents.
    lead_coefficient : float, default 0
        Weight of the loss in which the strongest latent reconstructs alone (Multi-TopK): larger
        values give atoms that stand for one thing each, at a higher FVU.
    noise : float, optional
        Noise on what the encoder sees, as a share of the rows' spread (denoising); 0 is none. By
        default 0.3 for 20,000 rows of 400 dimensions, less for more rows or fewer dimensions.
    refine : {"none", "refit", "pursuit"}, default "none"
        How `transform` makes codes better than the encoder's: see `Dictionary`.
    pursuit_share : float, optional
        Share of the steps, the last ones, in which the atoms also learn from pursued codes. By
        default one half if `refine` is "pursuit", which lowers its FVU by a tenth, else none.
    validation_fraction : float, default 0.05
        Share of the rows (at most 8192) held out for early stopping. If that is fewer than 8 rows,
        all rows train and stand in for them, and the FVU is that of training.
    patience : int, default 10
        Held-out evaluations in a row that are worse than the best one before training stops; 0
        uses the whole budget.
    checkpoint : path, optional
        File from which an interrupted `fit` goes on exactly, with the same rows and parameters; it
        needs a `random_state`. A fit that had ended is read from it. `partial_fit` has none.
    checkpoint_every : float, default 60
        Seconds between checkpoints.
    device : {"cpu", "cuda", "auto"}, default "cpu"
        Where to train and to encode; "auto" is a GPU if there is one.
    random_state : int, RandomState or None
        Seed of first atoms and order of rows. The same seed gives the same bytes.
    verbose : bool, default False
        Show progress.

    Attributes
    ----------
    atoms_ : ndarray of float32, shape (n_components, n_features_in_)
        Unit-norm atoms.
    dictionary_ : Dictionary
        The inference form. ``dictionary_.save(path)`` and ``Dictionary.load(path)`` keep it in a
        file of safetensors.
    fvu_ : float
        Fraction of variance unexplained on the held-out rows; after `partial_fit` on rows of its
        batch.
    history_ : list of (int, float)
        Rows seen and held-out FVU at each evaluation.
    n_features_in_ : int
        Length of the vectors.

    References
    ----------
    Gao et al., "Scaling and evaluating sparse autoencoders", 2024, arXiv:2406.04093.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import TopKSAE
    >>> x = np.random.default_rng(0).standard_normal((300, 8))
    >>> sae = TopKSAE(n_components=16, n_active=2, max_rows=3000, random_state=0).fit(x)
    >>> sae.transform(x).shape, sae.atoms_.shape
    ((300, 16), (16, 8))
    """

    _batch_topk = False

    def __init__(
        self,
        n_components: int | None = None,
        n_active: int | None = None,
        *,
        max_rows: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        aux_coefficient: float = 1 / 32,
        lead_coefficient: float = 0.0,
        noise: float | None = None,
        refine: Refine = "none",
        pursuit_share: float | None = None,
        validation_fraction: float = 0.05,
        patience: int = 10,
        checkpoint: str | Path | None = None,
        checkpoint_every: float = 60.0,
        device: str = "cpu",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.n_active = n_active
        self.max_rows = max_rows
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.aux_coefficient = aux_coefficient
        self.lead_coefficient = lead_coefficient
        self.noise = noise
        self.refine = refine
        self.pursuit_share = pursuit_share
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn a dictionary from vectors (n, d): an array, a frame, a path or a `VectorStore`."""
        source = self._source(X, reset=True)
        check_refine(self.refine, ragged=self._batch_topk)
        recipe = self._recipe(source)
        with progress("discover", recipe.max_rows, "rows", show=self.verbose) as bar:
            self._keep(
                fit_dictionary(
                    source,
                    recipe,
                    validation_fraction=self.validation_fraction,
                    checkpoint=self._checkpoint(),
                    checkpoint_every=self.checkpoint_every,
                    on_step=lambda rows, fvu: bar.advance(rows, f"FVU {fvu:.3f}"),
                    device=self.device,
                )
            )
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Take one pass over a batch of vectors, at a constant learning rate.

        The first call chooses centre, scale and first atoms from its batch.
        """
        first = not hasattr(self, "_fit")
        check_refine(self.refine, ragged=self._batch_topk)
        source = self._source(X, reset=first)
        start = self._recipe(source) if first else self._fit
        self._keep(fit_more(source, start, device=self.device))
        return self

    def transform(self, X: Any) -> csr_array:
        """Return the codes of vectors (n, d) as a sparse array (n, n_components)."""
        check_is_fitted(self)
        source = self._source(X, reset=False)
        return self.dictionary_.encode(source, device=self.device).to_scipy()

    def inverse_transform(self, X: Any) -> npt.NDArray[np.float32]:
        """Return the reconstructions (n, d) of codes (n, n_components)."""
        check_is_fitted(self)
        return self.dictionary_.decode(X)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the fraction of variance explained on vectors (n, d), the codes refined or not.

        At most 1, and higher is better, as model selection expects it.
        """
        check_is_fitted(self)
        return 1 - self.dictionary_.fvu(self._source(X, reset=False))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "dictionary_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = []
        tags.non_deterministic = False
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.dictionary_.n_components

    def _source(self, X: Any, reset: bool) -> VectorSource:
        if _only_ours(X):
            source = as_source(X)
            if reset:
                self.n_features_in_ = source.shape[1]
                if hasattr(self, "feature_names_in_"):
                    del self.feature_names_in_
            elif source.shape[1] != self.n_features_in_:
                raise InputError(
                    f"X has {source.shape[1]} features, but {type(self).__name__} is expecting "
                    f"{self.n_features_in_} features as input"
                )
            return source
        checked = validate_data(
            self,
            X,
            accept_sparse="csr",
            dtype=[np.float32, np.float64],
            ensure_all_finite=False,
            ensure_min_samples=2 if reset else 1,
            reset=reset,
        )
        try:
            return as_source(checked)
        except InputError as err:
            raise InputError(f"X contains NaN or infinity: {err}") from err

    def _checkpoint(self) -> Path | None:
        if self.checkpoint is None:
            return None
        if not isinstance(self.checkpoint, str | Path):
            raise InputError(f"checkpoint must be the path of a file, got {self.checkpoint!r}")
        if self.random_state is None:
            raise InputError(
                "a fit goes on from a checkpoint only with the same seed, and random_state=None "
                "draws another each time; set random_state to a whole number"
            )
        return Path(self.checkpoint)

    def _recipe(self, source: VectorSource) -> Recipe:
        return recipe_for(
            *source.shape,
            n_components=self.n_components,
            n_active=self.n_active,
            batch_topk=self._batch_topk,
            max_rows=self.max_rows,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            aux_coefficient=self.aux_coefficient,
            lead_coefficient=self.lead_coefficient,
            noise=self.noise,
            refine=self.refine,
            pursuit_share=self.pursuit_share,
            patience=self.patience,
            seed=seed_from(self.random_state),
        )

    def _keep(self, fit: Fit) -> None:
        self._fit = fit
        self.dictionary_: Dictionary = replace(fit.dictionary, refine=self.refine)
        self.atoms_ = fit.dictionary.atoms
        self.fvu_ = fit.state.best_fvu
        self.history_ = list(fit.state.history)


class BatchTopKSAE(TopKSAE):
    """Sparse autoencoder that keeps `k` latents a row on average, chosen over whole batches.

    Rows that need more latents get more. For inference the selection becomes one threshold on the
    activation, so that a row's codes do not depend on the rows beside it. Parameters and attributes
    are those of `TopKSAE`.

    References
    ----------
    Bussmann, Leask and Nanda, "BatchTopK sparse autoencoders", 2024, arXiv:2412.06410.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import BatchTopKSAE
    >>> x = np.random.default_rng(0).standard_normal((300, 8))
    >>> sae = BatchTopKSAE(n_components=16, n_active=2, max_rows=3000, random_state=0).fit(x)
    >>> sae.dictionary_.form
    'linear-threshold'
    """

    _batch_topk = True


def _only_ours(x: Any) -> bool:
    """Tell what `as_vectors` reads and scikit-learn refuses, copies, or reads without its mask."""
    if isinstance(x, str | Path | VectorSource | np.ma.MaskedArray | np.memmap):
        return True
    kind: str = type(x).__module__.split(".")[0]
    shape: tuple[int, ...] = getattr(x, "shape", ())
    in_column = kind in {"polars", "pandas", "pyarrow"} and (len(shape) != 2 or shape[1] == 1)
    return kind == "torch" or in_column or hasattr(x, "to_vectors")


def fit_many(X: Any, estimators: Sequence[TopKSAE]) -> list[TopKSAE]:
    """Fit several autoencoders in one pass over the data, say of several sizes or seeds.

    Rows are read, centred and scaled once for all of them. Each ends as if it had been fitted alone
    with the first one's `random_state`, apart from its own first atoms. Held-out share, checkpoint,
    device of training and progress are those of the first.

    Parameters
    ----------
    X : vectors
        Rows (n, d): an array, a frame, a path or a `VectorStore`.
    estimators : sequence of TopKSAE or BatchTopKSAE
        What to fit; they are changed in place.

    Returns
    -------
    list of TopKSAE
        The estimators, fitted.

    Raises
    ------
    InputError
        If there is none, one is something else, or their batch sizes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from semascope.discover import TopKSAE, fit_many
    >>> x = np.random.default_rng(0).standard_normal((300, 8))
    >>> sizes = [TopKSAE(m, 2, max_rows=3000, random_state=0) for m in (8, 16)]
    >>> [sae.atoms_.shape for sae in fit_many(x, sizes)]
    [(8, 8), (16, 8)]
    """
    if not isinstance(estimators, Sequence) or not all(isinstance(e, TopKSAE) for e in estimators):
        raise InputError(
            f"estimators must be a list of TopKSAE or BatchTopKSAE, got {estimators!r}"
        )
    if not estimators:
        raise InputError("there is nothing to fit: give at least one estimator")
    sources = [estimator._source(X, reset=True) for estimator in estimators]
    for estimator in estimators:
        check_refine(estimator.refine, ragged=estimator._batch_topk)
    recipes = [e._recipe(source) for e, source in zip(estimators, sources, strict=True)]
    first = estimators[0]
    most = max(recipe.max_rows for recipe in recipes)
    with progress("discover", most, "rows", show=first.verbose) as bar:
        fits = fit_dictionaries(
            sources[0],
            recipes,
            validation_fraction=first.validation_fraction,
            checkpoint=first._checkpoint(),
            checkpoint_every=first.checkpoint_every,
            on_step=lambda rows, fvu: bar.advance(rows, f"lowest FVU {fvu:.3f}"),
            device=first.device,
        )
    for estimator, fit in zip(estimators, fits, strict=True):
        estimator._keep(fit)
    return list(estimators)
