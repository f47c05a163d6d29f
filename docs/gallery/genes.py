"""Tissues: concepts of gene expression, named by tissue and by the genes that are high or low.

Run: SEMASCOPE_DATA=... python docs/gallery/genes.py
"""

import polars as pl
from rules import data, learn_and_name
from sklearn.decomposition import PCA

path = data("tissue_gene_expression", "tissue_gene_expression.csv.gz")
samples = pl.read_csv(path)
samples = samples.rename({name: name.removeprefix("x.") for name in samples.columns})
samples = samples.rename({"rownames": "sample", "y": "tissue"})
genes = samples.drop("sample", "tissue")
vectors = PCA(20, random_state=0).fit_transform(genes.to_numpy())
for title, columns in (("By tissue", ["tissue"]), ("By genes alone", genes.columns)):
    print(f"\n{title}: ", end="")
    learn_and_name(
        vectors, samples.select("sample", *columns), id="sample", components=10, active=2
    )
