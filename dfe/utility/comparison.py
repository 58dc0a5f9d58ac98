"""One table of section 5: methods on the same clips, with intervals and a paired test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dfe.config import UtilityConfig
from dfe.metrics import Interval, Measure, PairedDifference, holm, interval, paired, score
from dfe.utility.features import DFE_TOKENS, FACIAL_BASIS, PRETRAINED, PUBLISHED_BASIS, paper_row
from dfe.utility.methods import NEEDS_FEATURES, Role, UtilityError
from dfe.utility.protocols import Predictions

_NOTHING = Interval(np.nan, np.nan, np.nan)  # a method without scores in a measure of scores


@dataclass(frozen=True, eq=False)
class Comparison:
    """Predictions of several methods for the same clips.

    Parameters
    ----------
    truth
        (M,) labels or values of the scored clips.
    groups
        (M,) what a resample and a permutation draw as a whole: subjects or actors.
    measures
        Columns of the table.
    predictions
        Method -> predictions, in the order of the table. All score the same M clips.
    roles
        Method -> role.
    settings
        Resamples, permutations and seed.

    Raises
    ------
    UtilityError
        If methods scored other clips than the first one did.
    """

    truth: NDArray[np.generic]  # (M,)
    groups: NDArray[np.generic]  # (M,)
    measures: tuple[Measure, ...]
    predictions: Mapping[str, Predictions]
    roles: Mapping[str, Role]
    settings: UtilityConfig

    def __post_init__(self) -> None:
        first = next(iter(self.predictions.values())).rows
        for name, made in self.predictions.items():
            if not np.array_equal(made.rows, first):
                apart = np.setxor1d(made.rows, first)
                raise UtilityError(f"{name} was scored on other clips: rows {apart[:5].tolist()}")
        if len(self.truth) != len(first) or len(self.groups) != len(first):
            raise UtilityError(f"{len(first)} predictions but {len(self.truth)} labels")

    def values(self) -> pd.DataFrame:
        """Interval of each method (row) in each measure (column); NaN where it has no score."""
        rows = {
            name: {m.name: self.value(name, m) for m in self.measures} for name in self.predictions
        }
        return pd.DataFrame(rows).T.rename_axis("method")

    def value(self, method: str, measure: Measure) -> Interval:
        """Interval of one method in one measure, over groups; NaN where it has no score.

        Raises
        ------
        UtilityError
            If there is no such method.
        """
        s, guess = self.settings, _guess(measure, self._made(method))
        if guess is None:
            return _NOTHING
        return interval(measure, self.truth, guess, self.groups, s.bootstrap, seed=s.seed)

    def difference(self, first: str, second: str, measure: Measure) -> Interval:
        """Value of one method minus that of another, in the unit of the measure.

        A percentile bootstrap over groups in which both methods see the same draws, as in
        `dfe.metrics.paired`, but without its test.

        Returns
        -------
        Interval; all of it NaN where one of the two has no score and the measure needs one

        Raises
        ------
        UtilityError
            If there is no such method.
        """
        s = self.settings
        a, b = (_guess(measure, self._made(name)) for name in (first, second))
        if a is None or b is None:
            return _NOTHING
        # The interval does not depend on the permutations, and one is the fewest that it takes.
        found = paired(
            measure, self.truth, a, b, self.groups, s.bootstrap, permutations=1, seed=s.seed
        )
        return found.difference

    def _made(self, method: str) -> Predictions:
        if method not in self.predictions:
            raise UtilityError(f"no predictions of {method!r}; there are {[*self.predictions]}")
        return self.predictions[method]

    def best_baseline(self, measure: Measure) -> str:
        """Return the baseline with the best value; the first one of equals.

        Raises
        ------
        UtilityError
            If no baseline has what the measure needs.
        """
        sign = 1 if measure.better == "higher" else -1
        found = {
            name: sign * score(measure, self.truth, guess)
            for name, made in self.predictions.items()
            if self.roles[name] == "baseline" and (guess := _guess(measure, made)) is not None
        }
        if not found:
            raise UtilityError(f"no baseline has a {measure.needs}, which {measure.name} needs")
        return max(found, key=found.__getitem__)

    def paired(self, other: str | None = None) -> dict[str, tuple[str, PairedDifference]]:
        """DFE minus another method (None: the best baseline of each measure), by measure."""
        s, ours = self.settings, self.predictions[DFE_TOKENS]
        found = {}
        for measure in self.measures:
            if (a := _guess(measure, ours)) is None:
                continue
            rival = other or self.best_baseline(measure)
            if (b := _guess(measure, self.predictions[rival])) is None:
                continue
            difference = paired(
                measure, self.truth, a, b, self.groups, s.bootstrap, s.permutations, seed=s.seed
            )
            found[measure.name] = (rival, difference)
        return found


def _guess(measure: Measure, made: Predictions) -> NDArray[np.generic] | None:
    return made.score if measure.needs == "score" else made.predicted


def beside_paper(
    here: pd.DataFrame, paper: pd.DataFrame, columns: Mapping[str, str], scale: Mapping[str, float]
) -> pd.DataFrame:
    """The paper's numbers beside ours, as text; two columns for each measure.

    Parameters
    ----------
    here
        As `Comparison.values`.
    paper
        As `dfe.claims.paper_table`.
    columns
        Measure of `here` -> column of `paper`.
    scale
        Measure -> factor from our unit to the paper's; 1 where it is missing.

    Returns
    -------
    All rows of `here`, and before the tokens a row for each pretrained model without features,
    and for Facial Basis where there is none.
    """
    absent = [name for name in PRETRAINED if name not in here.index]
    if not {FACIAL_BASIS, PUBLISHED_BASIS} & set(here.index):
        absent = [FACIAL_BASIS, *absent]
    place = list(here.index).index(DFE_TOKENS)
    order = [*here.index[:place], *absent, *here.index[place:]]
    found: dict[tuple[str, str], list[str]] = {}
    for measure, column in columns.items():
        printed = [_printed(paper[column], name) for name in order]
        found[measure, "paper"] = printed
        found[measure, "here"] = [
            NEEDS_FEATURES
            if name in absent
            else f"{here.loc[name, measure].scaled(scale.get(measure, 1.0)):.1f}"
            for name in order
        ]
    return pd.DataFrame(found, pd.Index(order, name="method"))


def _printed(column: pd.Series, method: str) -> str:
    label = paper_row(method, column.index)
    return "–" if label is None else f"{column[label]:.1f}"


def paired_table(
    comparisons: Mapping[str, Comparison], scale: Mapping[str, float], other: str | None = None
) -> pd.DataFrame:
    """DFE against the best baseline of each measure: difference, interval and p, as text.

    "p (Holm)" is p adjusted for the number of rows of the table (Holm 1979).

    Parameters
    ----------
    comparisons
        Name of the table or of its part -> comparison.
    other
        A method to compare with instead of the best baseline.
    """
    rows: list[dict[str, str]] = []
    p_values: list[float] = []
    for part, comparison in comparisons.items():
        for measure, (rival, found) in comparison.paired(other).items():
            difference = found.difference.scaled(scale.get(measure, 1.0))
            p_values.append(found.p)
            rows.append(
                {
                    "part": part,
                    "measure": measure,
                    "against": rival,
                    "difference": f"{difference:+.1f}",
                    "N": f"{len(comparison.truth):,}",
                    "groups": f"{len(np.unique(comparison.groups)):,}",
                }
            )
    table = pd.DataFrame(rows).set_index(["part", "measure"])
    table["p"] = [_p_text(p) for p in p_values]
    table["p (Holm)"] = [_p_text(p) for p in holm(p_values)]
    return table


def _p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def compare(
    truth: NDArray[np.generic],
    groups: NDArray[np.generic],
    measures: Sequence[Measure],
    predictions: Mapping[str, Predictions],
    roles: Mapping[str, Role],
    settings: UtilityConfig,
) -> Comparison:
    """A comparison from labels and groups of all N clips of a task, of which some were scored."""
    rows = next(iter(predictions.values())).rows
    return Comparison(
        np.asarray(truth)[rows],
        np.asarray(groups)[rows],
        tuple(measures),
        predictions,
        roles,
        settings,
    )
