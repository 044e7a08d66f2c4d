"""The command ``alvae``: a folder of images in, a few of them to label, predictions for all out.

From the bottom: `names` compares those of files; `labels`, `folder` and `arrays` read files;
`review` finds copies, blank images and poor codes; `project` is the folder in which everything is
kept; `page`, `report` and `export` write what is looked at elsewhere; `codes` trains the VAE;
`outlook` says what accuracy to expect; `steps` does one after the other, and `command` is what is
typed.
"""
