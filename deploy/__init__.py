"""What `make` does on the host: standard library only, Python 3.9 or newer, no package of ours is imported.

`python3 -m deploy VERB`; the verbs are in `__main__`. Everything inside the containers is elsewhere: `container/` goes
into the image, `db/` and `redis/` are mounted into theirs.
"""
