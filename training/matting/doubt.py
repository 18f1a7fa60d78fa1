"""Fit the doubt of `edge/rendering/matting/doubt.py`, cross-validated, and plot its calibration.

    python -m training.matting.cuts evidence PHOTOS evidence.json --fetched FOLDER
    python -m training.matting.doubt evidence.json [--plot docs/pictures/doubt.png]

Verdicts stand in `verdicts.tsv`.
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

from edge.rendering.matting.doubt import WEIGHTS
from training.matting.verdicts import Key, table, verdicts

NAMES = tuple(WEIGHTS)
FOLDS, ROUNDS, FREEDOM = 10, 3, 10
EDGES = (0.1, 0.2, 0.3, 0.4, 0.6)


Told = dict[str, dict[str, dict[str, float]]]
"""By photo and cut, the evidence by name."""


def rows(told: Told) -> tuple[np.ndarray, np.ndarray, list[Key]]:
    """Square roots of the evidence [N, 6], rejected or not [N], and what each row is of."""
    judged = verdicts()
    keys = [(name, cut) for name in sorted(told) for cut in told[name] if cut != "close_up"]
    found = [[np.sqrt(min(1.0, told[name][cut][key])) for key in NAMES] for name, cut in keys]
    return np.array(found), np.array([judged[key] for key in keys], int), keys


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
    x, y, keys = rows(json.loads(given.evidence.read_text()))
    groups = np.unique([photo for photo, _ in keys], return_inverse=True)[1]
    fitted = model().fit(x, y)
    print(f"BIAS = {fitted.intercept_[0]:.2f}")
    for name, weight in zip(NAMES, fitted.coef_[0], strict=True):
        print(f'        "{name}": {weight:.2f},')
    doubts = cross_validated(x, y, groups)
    print(f"AUC {roc_auc_score(y, doubts):.3f}, Brier score {brier_score_loss(y, doubts):.3f}")
    for networks in range(1, 3 + any(cut == "third" for _, cut in keys)):
        table(dict(zip(keys, doubts, strict=True)), networks)
    if given.plot:
        plot(doubts, y, given.plot)


if __name__ == "__main__":
    main()
