"""Bulk encoding: tokens of Parquet data sets that are larger than memory."""

from dfe.encoding.encode import Done, encode_dataset
from dfe.encoding.plan import Part, Plan, Shard
from dfe.encoding.read import TokenSet, read_tokens
from dfe.encoding.source import EncodingError

__all__ = [
    "Done",
    "EncodingError",
    "Part",
    "Plan",
    "Shard",
    "TokenSet",
    "encode_dataset",
    "read_tokens",
]
