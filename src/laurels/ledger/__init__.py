"""The books: accounts, kinds of postings, postings, what must always hold."""
