"""Two servers beside each other: what one makes up, the other calls otherwise. Names tells which is which, and
differences() where two answers differ beyond that."""

import re

# What servers make up: ids of EC2, UUIDs, longer hexadecimal or base 32 texts.
TOKEN = re.compile(
    r"\bmrk-[0-9a-f-]{32,36}\b|\b[a-z]+(?:-[a-z]+)*-[0-9a-f]{8}(?:[0-9a-f]{9})?\b|"
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{16,64}\b|\bA[A-Z0-9]{15,20}\b")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?")


class Names:
    """What is called how by whom."""

    def __init__(self):
        self.ours, self.theirs = {}, {}  # ours by theirs, and theirs by ours

    def pair(self, theirs, ours):
        """Whether two names may be those of one thing; from now on they are."""
        if theirs in self.ours or ours in self.theirs:
            return self.ours.get(theirs) == ours
        self.ours[theirs], self.theirs[ours] = ours, theirs
        return True

    @staticmethod
    def _said(text, names):
        return names[text] if text in names else TOKEN.sub(lambda m: names.get(m[0], m[0]), text)

    def _all_said(self, value, names):
        if isinstance(value, dict):
            return {key: self._all_said(part, names) for key, part in value.items()}
        if isinstance(value, list):
            return [self._all_said(part, names) for part in value]
        return self._said(value, names) if isinstance(value, str) else value

    def to_ours(self, value):
        return self._all_said(value, self.ours)

    def to_theirs(self, value):
        return self._all_said(value, self.theirs)

    def same(self, theirs, ours):
        """Whether two texts say the same, once it is known that what differs in them are names."""
        if theirs == ours or TIME.sub("TIME", theirs) == TIME.sub("TIME", ours):
            return True
        if TOKEN.sub("#", theirs) != TOKEN.sub("#", ours):
            return False
        return all(a == b or self.pair(a, b) for a, b in zip(TOKEN.findall(theirs), TOKEN.findall(ours)))


def filled(value):
    """An answer without what is empty: some servers leave it out, others do not."""
    if isinstance(value, dict):
        return {key: part for key, part in ((key, filled(part)) for key, part in value.items())
                if part is not None and part != "" and part != [] and part != {}}
    return [filled(part) for part in value] if isinstance(value, list) else value


def is_time(value):
    return isinstance(value, (int, float)) and value > 1.5e9


def leaves(value, where=""):
    """What a thing says, for how alike two are."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, f"{where}.{key}")
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part, where)
    else:
        yield where, value


def match(theirs, ours):
    """Pairs of elements of two lists, the most alike first; then those that are left of each."""
    said = [set(leaves(part)) for part in theirs], [set(leaves(part)) for part in ours]
    order = sorted((-len(a & b), i, j) for i, a in enumerate(said[0]) for j, b in enumerate(said[1]))
    left, pairs = (set(range(len(theirs))), set(range(len(ours)))), []
    for _, i, j in order:
        if i in left[0] and j in left[1]:
            left[0].remove(i), left[1].remove(j)
            pairs.append((theirs[i], ours[j]))
    return pairs, [theirs[i] for i in sorted(left[0])], [ours[j] for j in sorted(left[1])]


def differences(theirs, ours, names, where=""):
    """Where two answers differ: (where, theirs, ours), None where one lacks it. ours is said in their names."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            path = f"{where}.{key}" if where else key
            if key not in theirs or key not in ours:
                yield path, theirs.get(key), ours.get(key)
            else:
                yield from differences(theirs[key], ours[key], names, path)
    elif isinstance(theirs, list) and isinstance(ours, list):
        pairs, more, fewer = match(theirs, ours)
        for a, b in pairs:
            yield from differences(a, b, names, where + "[]")
        for part in more:
            yield where + "[]", part, None
        for part in fewer:
            yield where + "[]", None, part
    elif isinstance(theirs, str) and isinstance(ours, str):
        if not names.same(theirs, ours):
            yield where, theirs, ours
    elif is_time(theirs) and is_time(ours):
        return
    elif type(theirs) is not type(ours) or theirs != ours:
        yield where, theirs, ours
