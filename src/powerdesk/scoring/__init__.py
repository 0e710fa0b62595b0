"""How good a forecast was: scores of probabilities and distributions, and whether one forecast beats another.

Pure functions of arrays. A loss is the smaller the better; areas under curves and skill are the greater the better.
"""
