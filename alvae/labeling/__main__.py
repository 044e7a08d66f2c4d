"""``python -m alvae.labeling``, and the command ``alvae``."""

from alvae.labeling.command import main

main()
