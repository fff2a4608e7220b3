import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from tests.trainer.clouds import WIDTH, make_cloud
from trainer.head.regression import Head, Problem, extend_head, fit_head, measure_scale


def make_problem(prior: Head | None = None) -> Problem:
    features = np.concatenate([make_cloud(place, 30, noise=1.0) for place in range(3)])
    zeros = Head(np.zeros((3, WIDTH), np.float32), np.zeros(3, np.float32))
    return Problem(features, np.repeat(np.arange(3), 30), prior or zeros)


def test_fit_equals_scikit_learns_where_the_prior_is_zero() -> None:
    problem = make_problem()
    head = fit_head(problem, np.ones(90, dtype=bool), regularisation=0.1)
    peer = LogisticRegression(C=1 / (0.1 * 90), tol=1e-8, max_iter=1000)
    peer.fit(problem.features, problem.targets)
    expected = peer.predict_proba(problem.features)
    assert softmax(head.score(problem.features), axis=1) == pytest.approx(expected, abs=5e-3)


def test_strong_regularisation_keeps_the_prior() -> None:
    rng = np.random.default_rng(0)
    prior = Head(rng.normal(size=(3, WIDTH)).astype(np.float32), np.zeros(3, np.float32))
    weak, strong = (
        fit_head(make_problem(prior), np.ones(90, dtype=bool), regularisation)
        for regularisation in (0.001, 1000.0)
    )
    assert np.abs(strong.weight - prior.weight).max() < 0.01
    assert np.abs(weak.weight - prior.weight).max() > 0.1


def test_rows_that_are_not_used_change_nothing() -> None:
    problem = make_problem()
    used = np.arange(90) % 2 == 0
    spoilt = Problem(np.where(used[:, None], problem.features, 9e3), problem.targets, problem.prior)
    expected = fit_head(problem, used, 0.1)
    found = fit_head(spoilt, used, 0.1)
    assert found.weight == pytest.approx(expected.weight, abs=1e-4)


def test_classes_weigh_the_same() -> None:
    """Ten images against a hundred: between the two the answer is open, not the larger one."""
    features = np.concatenate([make_cloud(0, 100, noise=0), make_cloud(1, 10, noise=0)])
    zeros = Head(np.zeros((2, WIDTH), np.float32), np.zeros(2, np.float32))
    problem = Problem(features, np.repeat([0, 1], [100, 10]), zeros)
    head = fit_head(problem, np.ones(110, dtype=bool), 0.1)
    between = (make_cloud(0, 1, noise=0) + make_cloud(1, 1, noise=0)) / 2
    assert softmax(head.score(between)[0])[0] == pytest.approx(0.5, abs=0.01)


def test_scaling_changes_no_logit() -> None:
    rng = np.random.default_rng(0)
    head = Head(rng.normal(size=(3, WIDTH)).astype(np.float32), np.ones(3, np.float32))
    embeddings = make_cloud(1, 8)
    scale = measure_scale(embeddings, 0.5)
    scaled = scale.to_scaled(head)
    assert scaled.score(scale.apply(embeddings)) == pytest.approx(head.score(embeddings), abs=1e-4)
    assert scale.from_scaled(scaled).weight == pytest.approx(head.weight, abs=1e-5)


def test_new_class_begins_as_the_catch_all() -> None:
    parent = Head(np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 2], np.float32))
    found = extend_head(parent, 2, catch_all=1)
    assert found.weight.tolist() == [[0, 1, 2], [3, 4, 5], [3, 4, 5], [3, 4, 5]]
    assert found.bias.tolist() == [1, 2, 2, 2]
    assert extend_head(parent, 1, None).weight[2].tolist() == [1.5, 2.5, 3.5]


def test_same_rows_give_the_same_head() -> None:
    heads = [fit_head(make_problem(), np.ones(90, dtype=bool), 0.1) for _ in range(2)]
    assert (heads[0].weight == heads[1].weight).all()
