"""A shelf of books: an application that is unlike BMII in what an inventory can say."""
