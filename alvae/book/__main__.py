"""``python -m alvae.book`` makes the book."""

from alvae.book.publish import main

if __name__ == "__main__":
    main()
