"""The estimators keep scikit-learn's contract."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from semascope.discover import BatchTopKSAE, TopKSAE


@parametrize_with_checks([TopKSAE(max_rows=2000), BatchTopKSAE(max_rows=2000)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)
