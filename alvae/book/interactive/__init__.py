"""Pictures to look into: each beside a figure, which stays what is printed.

A function for each returns an `Element`, which a notebook shows. The scripts are plain JavaScript,
in files of this folder, without any library.
"""

from alvae.book.interactive.cloud import point_cloud

__all__ = ["point_cloud"]
