"""Fit the doubt of `edge/rendering/matting/doubt.py`, cross-validated, and draw how far it can be
believed.

    python -m training.matting.cuts evidence PHOTOS evidence.json --fetched FOLDER
    python -m training.matting.doubt evidence.json [--plot docs/pictures/doubt.png]

`verdicts.tsv` says of each photo which of its cuts a person would sell: by the first network, by
the mean of two, by the second, by what two of three say, and by the third; judged by eye on sheets.
A detail that is delivered whole is no cut and has no part in the fit. Folds never part the cuts of
one photo.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from edge.rendering.matting.doubt import DOUBT_NUMBERS, WEIGHTS

VERDICTS = Path(__file__).with_name("verdicts.tsv")
NAMES = tuple(WEIGHTS)
FOLDS, ROUNDS, FREEDOM = 10, 3, 10
EDGES = (0.1, 0.2, 0.3, 0.4, 0.6)
THRESHOLDS = (0.07, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.5)


def verdicts() -> dict[str, dict[str, bool]]:
    """By photo and cut, whether a person would reject it."""
    head, *lines = [line.split("\t") for line in VERDICTS.read_text().splitlines()]
    return {
        name: {cut: said == "reject" for cut, said in zip(head[1:], row, strict=True)}
        for name, *row in lines
    }


Told = dict[str, dict[str, dict[str, float]]]
"""By photo and cut, the evidence by name."""


Key = tuple[str, str]
"""A photo's name and a cut's."""


def table(told: Told) -> tuple[np.ndarray, np.ndarray, list[Key]]:
    """Square roots of the evidence [N, 6], rejected or not [N], and what each row is of."""
    judged = verdicts()
    keys = [(name, cut) for name in sorted(told) if name in judged for cut in told[name]]
    rows = [[np.sqrt(min(1.0, told[name][cut][key])) for key in NAMES] for name, cut in keys]
    return np.array(rows), np.array([judged[name][cut] for name, cut in keys], int), keys


def cross_validated(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """What is foretold of each row by fits that never saw its photo [N]."""
    doubts = np.zeros(len(y))
    for seed in range(ROUNDS):
        folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
        for train, test in folds.split(x, y, groups):
            doubts[test] += model().fit(x[train], y[train]).predict_proba(x[test])[:, 1] / ROUNDS
    return doubts


def model() -> LogisticRegression:
    return LogisticRegression(C=FREEDOM, max_iter=9000)


def cascade(doubts: dict[Key, float], photo: str, *, third: bool) -> tuple[Key | None, int]:
    """The cut that is delivered of a photo, and how many networks looked, as `looks` has it; None
    where it is a detail."""
    best, looks = (photo, "first"), 1
    for cuts in (("mean", "second"), ("median", "third"))[: 1 + third]:
        if doubts.get(best, 1.0) < DOUBT_NUMBERS.again:
            break
        if looks == 1 and (photo, "mean") not in doubts:
            return None, 2
        tried = [(photo, cut) for cut in cuts if (photo, cut) in doubts]
        best, looks = min([best] * (looks > 1) + tried, key=doubts.__getitem__), looks + 1
    return best, looks


def told(doubts: np.ndarray, y: np.ndarray, keys: list[Key], *, third: bool) -> None:
    """What thresholds would doubt and find in what is delivered; details have no part in it."""
    by_key = dict(zip(keys, doubts, strict=True))
    rejected = dict(zip(keys, y, strict=True))
    last = [cascade(by_key, photo, third=third) for photo in sorted({photo for photo, _ in keys})]
    doubt = np.array([by_key[key] for key, _ in last if key])
    bad = np.array([rejected[key] for key, _ in last if key])
    asked = [np.mean([looks > n for _, looks in last]) for n in (1, 2)]
    whole = doubt >= DOUBT_NUMBERS.whole
    print(
        f"{3 if third else 2} networks: asks again for {asked[0]:.0%}, a third for {asked[1]:.0%}"
    )
    print(f"{bad.sum()} of {len(bad)} are rejected, {bad[~whole].sum()} without the whole ones")
    print(f"{whole.sum()} stay whole, {(1 - bad)[whole].sum()} of them for nothing")
    for least in THRESHOLDS:
        found = bad[doubt >= least].sum() / bad.sum()
        print(f"from {least:.2f}: doubts {np.mean(doubt >= least):.0%}, {found:.0%} of those")


def plot(doubts: np.ndarray, y: np.ndarray, path: Path) -> None:
    import matplotlib.pyplot as plt

    bins = np.digitize(doubts, EDGES)
    kept = [number for number in range(len(EDGES) + 1) if (bins == number).any()]
    said = [doubts[bins == number].mean() for number in kept]
    was = [y[bins == number].mean() for number in kept]
    figure, axes = plt.subplots(figsize=(4.6, 4.2), dpi=110)
    axes.plot([0, 1], [0, 1], color="#bbb", linewidth=1)
    axes.plot(said, was, "o-", color="#246")
    for number, x, high in zip(kept, said, was, strict=True):
        count = int((bins == number).sum())
        axes.annotate(str(count), (x, high), textcoords="offset points", xytext=(6, -10))
    axes.set(xlabel="doubt, cross-validated", ylabel="share that was rejected", xlim=(0, 1))
    axes.set_ylim(0, 1)
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("evidence", type=Path)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    x, y, keys = table(json.loads(given.evidence.read_text()))
    groups = np.unique([photo for photo, _ in keys], return_inverse=True)[1]
    fitted = model().fit(x, y)
    print(f"BIAS = {fitted.intercept_[0]:.2f}")
    for name, weight in zip(NAMES, fitted.coef_[0], strict=True):
        print(f'        "{name}": {weight:.2f},')
    doubts = cross_validated(x, y, groups)
    print(f"AUC {roc_auc_score(y, doubts):.3f}, Brier score {brier_score_loss(y, doubts):.3f}")
    for third in {False, any(cut == "third" for _, cut in keys)}:
        told(doubts, y, keys, third=third)
    if given.plot:
        plot(doubts, y, given.plot)


if __name__ == "__main__":
    main()
