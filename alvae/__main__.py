"""The command ``alvae``, as ``python -m alvae``, too."""

import sys


def main():
    """Run the command; Ctrl-C is told on one line, also in the seconds that it takes to load."""
    try:
        from alvae.labeling.command import main as run

        run()
    except KeyboardInterrupt:
        print("\nalvae: interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
