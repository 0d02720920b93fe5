"""Commands of the command line besides ``run``: what they print, and the words that they take."""
