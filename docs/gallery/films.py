"""Films: concepts of what people rate alike, named by genre, year and tags.

Run: SEMASCOPE_DATA=... python docs/gallery/films.py
"""

import numpy as np
import polars as pl
from rules import data, learn_and_name
from scipy.sparse import csr_array
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize

FEWEST_RATINGS = 5
folder = data("movielens_small")
ratings = pl.read_csv(folder / "ratings.csv.gz").rename({"userid": "user", "movieid": "film"})
tags = pl.read_csv(folder / "tags.csv").select(
    pl.col("movieId").alias("film"), pl.col("tag").str.to_lowercase()
)
films = (
    pl.read_csv(folder / "movies.csv.gz")
    .select(
        pl.col("movieId").alias("film"),
        "title",
        pl.col("title").str.extract(r"\((\d{4})\)\s*$").cast(pl.Int64).alias("year"),
        pl.col("genres").str.split("|").list.set_difference(["(no genres listed)"]).alias("genre"),
    )
    .join(tags.group_by("film").agg(pl.col("tag").unique()), on="film", how="left")
    .join(
        ratings.group_by("film").agg(
            pl.len().alias("ratings"), pl.col("rating").mean().alias("mean rating")
        ),
        on="film",
    )
    .filter(pl.col("ratings") >= FEWEST_RATINGS)
    .sort("film")
    .with_columns(pl.col("film").cast(pl.String))
)

# Who rated what, each count weighed against how many films the user rated, and how many users the
# film: else what is popular, and who rates everything, would make the first concepts.
rated = ratings.with_columns(pl.col("film").cast(pl.String)).join(
    films.select("film").with_row_index("row"), on="film"
)
shape = (len(films), rated["user"].max() + 1)
matrix = csr_array((np.ones(len(rated)), (rated["row"], rated["user"])), shape=shape)
per_film, per_user = (np.maximum(matrix.sum(axis=axis), 1) for axis in (1, 0))
matrix = matrix.multiply(per_film[:, None] ** -0.5).multiply(per_user[None] ** -0.5)
vectors = TruncatedSVD(33, random_state=0).fit_transform(csr_array(matrix))
# The first direction is popularity.
learn_and_name(
    normalize(vectors[:, 1:]),
    films,
    id="film",
    leave_out=("title", "ratings"),
    show="title",
    components=48,
    active=4,
    top=20,
)
