"""People: concepts of census rows, named by their columns.

Run: SEMASCOPE_DATA=... python docs/gallery/census.py
"""

import polars as pl
from rules import data, learn_and_name
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

COLUMNS = [
    "age", "workclass", "weight", "education", "years of education", "marital status",
    "occupation", "relationship", "race", "sex", "capital gain", "capital loss", "hours a week",
    "native country", "income",
]  # fmt: skip
path = data("adult_income", "adult-train.csv.gz")
people = pl.read_csv(path, has_header=False, new_columns=COLUMNS, null_values=["?", " ?"])
numbers = ["age", "years of education", "capital gain", "capital loss", "hours a week"]
people = (
    people.with_columns(pl.col(pl.String).str.strip_chars())
    .with_columns(pl.col(numbers).cast(pl.Int64))
    .drop("weight")
    .drop_nulls("age")
)
kinds = [name for name in people.columns if name not in [*numbers, "income", "education"]]
encode = make_column_transformer(
    (StandardScaler(), numbers),
    (OneHotEncoder(sparse_output=False, min_frequency=100), kinds),
)
vectors = encode.fit_transform(people.to_pandas())
learn_and_name(vectors, people, components=32, active=4)
