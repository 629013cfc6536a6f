"""Exchanges what a path names, over and over, while somebody uses it.

usage: swapper.py COUNT PATH THIS THAT

PATH is by turns a hard link of THIS (a file), or THIS itself (a folder), and a symbolic link to THAT; COUNT
times. In the end it is THIS.
"""

import os
import sys

count, path, this, that = int(sys.argv[1]), *sys.argv[2:]
link, kept = path + ".link", path + ".kept"
folder = os.path.isdir(this)
for _ in range(count // 2):
    os.symlink(that, link)
    if folder:
        os.rename(path, kept)
        os.rename(link, path)
        os.unlink(path)
        os.rename(kept, path)
    else:
        os.rename(link, path)
        os.link(this, kept)
        os.rename(kept, path)
