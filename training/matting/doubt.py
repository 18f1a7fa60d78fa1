"""Fit the doubt of `edge/rendering/matting/doubt.py`, cross-validated, and draw how far it can be
believed.

    python -m training.matting.cuts evidence PHOTOS evidence.json --fetched FOLDER
    python -m training.matting.doubt evidence.json [--plot docs/pictures/doubt.png]

`verdicts.tsv` says of each photo whether a person would sell the cut of one look and the cut of
two: judged by eye on sheets. A detail that is delivered whole is no cut and has no part in the fit.
Folds never part the cuts of one photo.
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
THRESHOLDS = (0.08, 0.1, 0.13, 0.15, 0.17, 0.2, 0.25, 0.3)


def verdicts() -> dict[str, dict[str, bool]]:
    """By photo and look, whether a person would reject it."""
    lines = [line.split("\t") for line in VERDICTS.read_text().splitlines()[1:]]
    return {
        name: {"one": one == "reject", "again": again == "reject"} for name, one, again in lines
    }


Told = dict[str, dict[str, dict[str, float]]]
"""By photo and look, the evidence by name."""


def table(told: Told) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Square roots of the evidence [N, 6], rejected or not [N], and the photo's number [N]."""
    judged, rows, rejected, groups = verdicts(), [], [], []
    for number, (name, looks) in enumerate(sorted(told.items())):
        for look, evidence in looks.items():
            if name in judged:
                rows.append([np.sqrt(min(1.0, evidence[key])) for key in NAMES])
                rejected.append(judged[name][look])
                groups.append(number)
    return np.array(rows), np.array(rejected, int), np.array(groups)


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


def told(doubts: np.ndarray, y: np.ndarray, groups: np.ndarray) -> None:
    """What a threshold would doubt and find, where another look is taken from `again` on: the first
    look counts where it is not taken, the second one else. Each photo's first look comes before its
    second."""
    print(f"AUC {roc_auc_score(y, doubts):.3f}, Brier score {brier_score_loss(y, doubts):.3f}")
    first = np.unique(groups, return_index=True)[1]
    second = len(groups) - 1 - np.unique(groups[::-1], return_index=True)[1]
    asked = doubts[first] >= DOUBT_NUMBERS.again
    last = np.where(asked, second, first)
    print(f"asks again for {asked.mean():.0%}, {y[last].sum()} of {len(last)} are rejected")
    for least in THRESHOLDS:
        doubted, rejected = doubts[last] >= least, y[last]
        found = rejected[doubted].sum() / rejected.sum()
        print(f"from {least:.2f}: doubts {doubted.mean():.0%}, {found:.0%} of the rejected ones")


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
    x, y, groups = table(json.loads(given.evidence.read_text()))
    fitted = model().fit(x, y)
    print(f"BIAS = {fitted.intercept_[0]:.2f}")
    for name, weight in zip(NAMES, fitted.coef_[0], strict=True):
        print(f'        "{name}": {weight:.2f},')
    doubts = cross_validated(x, y, groups)
    told(doubts, y, groups)
    if given.plot:
        plot(doubts, y, given.plot)


if __name__ == "__main__":
    main()
