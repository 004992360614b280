"""Backups: the database and the uploads as one archive, made while the system works, and the way back.

archive.py     the format: a tar of parts with checksums, written and read as a stream
sealing.py     encryption in the age format, for recipients' keys or by a passphrase
programs.py    PostgreSQL's own programs, their versions, and how they are told where the database is
snapshot.py    one moment of the database, held while it is copied
stored.py      the uploads, for code that waits
making.py      the copy: whole, or not there
rotation.py    names of archives in a folder, when the next is due, which may go
schedule.py    one backup after the other, for the service that lasts
verifying.py   every byte of an archive counted and compared
restoring.py   the way back: files, then the database
filling.py     the database from a dump, all or nothing
noting.py      both in the audit
forgetting.py  what Redis holds of the data before
"""
