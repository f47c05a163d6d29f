"""Better codes on the same atoms: non-negative refits, alone and in rounds of pursuit."""

from __future__ import annotations

import torch
from torch import Tensor

from semascope.kernels import native
from semascope.kernels.encoder import LinearEncoder
from semascope.kernels.ops import SparseRows

# Rows that have not come to rest by then are solved by active sets.
_SWEEPS = 50
_TOLERANCE = 1e-4


def default_rounds(k: int) -> tuple[int, int]:
    """Return rounds and swaps of pursuit for `k` atoms a row: each costs a product with all atoms.

    Examples
    --------
    >>> from semascope.kernels import default_rounds
    >>> default_rounds(1), default_rounds(32)
    ((1, 0), (4, 4))
    """
    return min(k, 4), 4 if k > 1 else 0


def refit(codes: SparseRows, atoms: Tensor, bias: Tensor, x: Tensor) -> SparseRows:
    """Fit each row anew on its own active atoms, by non-negative least squares.

    The compiled kernels leave out an atom that lies within 0.2 degrees of the span of those in use:
    it could only help with huge activations that cancel each other. Where dozens of atoms nearly
    depend on each other that leaves up to 6 % of a row more than least squares (of 240,000 such
    rows, six above 0.5 %); elsewhere single precision's rounding.

    Parameters
    ----------
    codes : SparseRows
        Codes of b rows; pairs at zero stay at zero.
    atoms : Tensor of shape (m, d)
    bias : Tensor of shape (d,)
    x : Tensor of shape (b, d)

    Returns
    -------
    SparseRows
        The same pairs with other activations.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import refit, select_topk
    >>> codes = select_topk(torch.tensor([[1.0, 3.0]]), k=1)
    >>> refit(codes, torch.eye(2), torch.zeros(2), torch.tensor([[1.0, 5.0]])).values.tolist()
    [5.0]
    """
    values = codes.values.clone()
    if not len(values):
        return codes
    if native.serves(values, atoms, bias, x):
        native.compiled().refit(
            *native.plain(codes.first, codes.latents, values, atoms, bias, x),
            torch.get_num_threads(),
        )
        return SparseRows(codes.offsets, codes.latents, values)
    counts = torch.diff(codes.first)
    places = torch.arange(int(counts.max()), device=x.device)
    inside = places < counts[:, None]
    latents = torch.zeros(inside.shape, dtype=torch.int64, device=x.device)
    latents[inside] = codes.latents
    start = torch.zeros(inside.shape, dtype=x.dtype, device=x.device)
    start[inside] = values
    fitted = _solve(atoms, latents, start, start > 0, x - bias)
    return SparseRows(codes.offsets, codes.latents, fitted[inside])


def pursue(
    linear: LinearEncoder, bias: Tensor, x: Tensor, k: int, rounds: int, swaps: int = 0
) -> SparseRows:
    """Choose atoms in rounds, each time those nearest to what is left, and refit all of them.

    With as many rounds as atoms this is non-negative orthogonal matching pursuit (Pati et al.,
    1993; Bruckstein, Elad and Zibulevsky, 2008). In each swap the atoms with the smallest
    activations then make place for those nearest to what is left without them, on the rows where
    that lowers the error (Jain, Tewari and Dhillon, "Orthogonal matching pursuit with replacement",
    2011): a quarter of `k` at first, then half as many as before. Four rounds and four swaps leave
    less unexplained than sixteen rounds.

    Parameters
    ----------
    linear : LinearEncoder
        The atoms as weights, with a bias of zeros.
    bias : Tensor of shape (d,)
        What reconstructions start from.
    x : Tensor of shape (b, d)
    k : int
        Atoms a row.
    rounds : int
        From 1 to `k`; more rounds give lower errors, and each costs a product with all atoms.
    swaps : int, default 0
        How often; each costs as much as a round.

    Returns
    -------
    SparseRows
        `k` pairs a row, by latent; those that do not help are zero.

    Examples
    --------
    >>> import torch
    >>> from semascope.kernels import LinearEncoder, pursue
    >>> eye = LinearEncoder(torch.eye(2), torch.zeros(2))
    >>> pursue(eye, torch.zeros(2), torch.tensor([[1.0, 5.0]]), k=2, rounds=2).values.tolist()
    [1.0, 5.0]
    """
    atoms, b = linear.weight, len(x)
    packed = linear.packed(x, bias)
    if packed is not None:
        latents = torch.empty(b * k, dtype=torch.int64)
        values = torch.empty(b * k)
        packed.pursue(
            *native.plain(atoms, linear.bias, bias, x),
            k,
            rounds,
            swaps,
            *native.plain(latents, values),
            torch.get_num_threads(),
        )
        return SparseRows(torch.arange(0, b * k, k), latents, values)
    wanted = x - bias
    left, latents = wanted, torch.zeros((b, 0), dtype=torch.int64, device=x.device)
    values, active = torch.zeros_like(latents, dtype=x.dtype), latents > 0
    used = torch.zeros((b, len(atoms)), dtype=torch.bool, device=x.device)
    for number in range(rounds):
        take = k * (number + 1) // rounds - k * number // rounds
        scores = (left @ atoms.T).masked_fill_(used, -torch.inf)
        best, more = torch.topk(scores, take, dim=1)
        latents = torch.cat([latents, more], 1)
        # An atom that points away from what is left does not join now. One that the fit put to zero
        # in an earlier round may come back.
        active = torch.cat([active, best > 0], 1)
        values = torch.cat([values, torch.zeros_like(best)], 1)
        values = _solve(atoms, latents, values, active, wanted)
        used[active.nonzero()[:, 0], latents[active]] = True
        left = _left(atoms, latents, values, wanted)
    for swap in range(swaps):
        take = max(1, k >> (swap + 2))
        weakest = torch.where(active, values, -1.0).topk(take, dim=1, largest=False).indices
        some, on = latents.clone(), active.scatter(1, weakest, False)
        taken = torch.zeros_like(used)
        taken[on.nonzero()[:, 0], some[on]] = True
        fitted = _solve(atoms, some, values, on, wanted)
        scores = _left(atoms, some, fitted, wanted) @ atoms.T
        best, more = torch.topk(scores.masked_fill_(taken, -torch.inf), take, dim=1)
        some, on = some.scatter(1, weakest, more), on.scatter(1, weakest, best > 0)
        fitted = _solve(atoms, some, fitted, on, wanted)
        rest = _left(atoms, some, fitted, wanted)
        better = (rest.square().sum(1) < left.square().sum(1) * (1 - 1e-6))[:, None]
        latents, active = torch.where(better, some, latents), torch.where(better, on, active)
        values, left = torch.where(better, fitted, values), torch.where(better, rest, left)
    if swaps:
        used = torch.zeros_like(used)
        used[active.nonzero()[:, 0], latents[active]] = True
    # What did not join stands for an atom that is not in use, so that all are different.
    spare = used.to(torch.int8).argsort(dim=1, stable=True)[:, :k]
    latents = torch.where(active, latents, spare.gather(1, ((~active).cumsum(1) - 1).clamp(min=0)))
    latents, order = latents.sort(dim=1)
    values = values.gather(1, order)
    offsets = torch.arange(0, b * k, k, device=x.device)
    return SparseRows(offsets, latents.reshape(-1), values.reshape(-1))


def _left(atoms: Tensor, latents: Tensor, values: Tensor, wanted: Tensor) -> Tensor:
    return wanted - (values[:, None, :] @ atoms[latents])[:, 0]


def _solve(atoms: Tensor, latents: Tensor, start: Tensor, active: Tensor, y: Tensor) -> Tensor:
    """Fit the rows `y` on their active atoms, all rows at once; inactive pairs stay at zero."""
    used = atoms[latents]
    gram = used @ used.transpose(1, 2)
    target = (used @ y[:, :, None])[:, :, 0]
    own = torch.diagonal(gram, dim1=1, dim2=2)
    values = torch.where(active, start, 0.0)
    slack = target - (gram @ values[:, :, None])[:, :, 0]
    rest = torch.arange(len(y))
    for _ in range(_SWEEPS):
        before = values.clone()
        for j in range(latents.shape[1]):
            value = torch.clamp(values[:, j] + slack[:, j] / own[:, j].clamp(min=1e-30), min=0)
            value = torch.where(active[:, j] & (own[:, j] > 0), value, values[:, j])
            slack -= (value - values[:, j])[:, None] * gram[:, j]
            values[:, j] = value
        change = (values - before).abs().amax(1)
        rest = (change > _TOLERANCE * values.amax(1)).nonzero()[:, 0]
        if len(rest) == 0:
            break
    if len(rest):
        from scipy.optimize import nnls
    for row in rest.tolist():
        # Atoms that nearly depend on each other: active sets end where descent crawls.
        on = active[row]
        fitted, _ = nnls(used[row, on].T.double().cpu().numpy(), y[row].double().cpu().numpy())
        values[row, on] = torch.from_numpy(fitted).to(values)
    return values
