"""Texts as HTML that nothing can hide in.

Everything is escaped before a tag is put around it, and tags have classes alone: the page's policy allows no styles of their own.
"""
