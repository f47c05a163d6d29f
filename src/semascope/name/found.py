"""What a namer that needs no texts hands over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """A name that held up on the rows that it was made from.

    Parameters
    ----------
    name : str
        The name; what `kind` says can score rows by it.
    kind : str
        ``rule`` (`ByRule`), ``pattern`` (`ByPattern`) or ``combined`` (`Combined`).
    held_in : float
        AUROC on the rows that the name was chosen on: optimistic.
    chance : float
        AUROC that the best name found on shuffled activity stays under, mostly (95 %).
    p : float
        Share of shuffles that led to as good a name, the found one counted among them.
    active_share, inactive_share : float
        Share of rows on either side that the name says yes to; NaN where it does not say yes or no.

    Examples
    --------
    >>> from semascope.name import Found
    >>> print(Found("genre = Horror", "rule", 0.9, 0.62, 0.01, 0.9, 0.1))
    genre = Horror (AUROC 0.90, chance 0.62, p 0.01; 90 % against 10 %)
    """

    name: str
    kind: str
    held_in: float
    chance: float
    p: float
    active_share: float = float("nan")
    inactive_share: float = float("nan")

    def __str__(self) -> str:
        shares = (
            f"; {100 * self.active_share:.0f} % against {100 * self.inactive_share:.0f} %"
            if self.active_share == self.active_share
            else ""
        )
        return (
            f"{self.name} (AUROC {self.held_in:.2f}, chance {self.chance:.2f}, "
            f"p {self.p:.2g}{shares})"
        )
