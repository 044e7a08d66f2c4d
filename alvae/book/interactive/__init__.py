"""Pictures to look into: each beside a figure, which stays what is printed.

A function for each returns an `Element`, which a notebook shows. The scripts are plain JavaScript,
in files of this folder, without any library.
"""

from alvae.book.interactive.cloud import point_cloud
from alvae.book.interactive.decoder import live_decoder
from alvae.book.interactive.film import film
from alvae.book.interactive.values import values

__all__ = ["film", "live_decoder", "point_cloud", "values"]
