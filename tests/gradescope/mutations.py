"""Mutations of what makes single files, for tests/mutations.py."""

BUILD, INLINE, PLAIN = "gradescope/build.py", "gradescope/inline.py", "gradescope/plain.py"

MUTATIONS = [
    (INLINE, "if method not in self.kept:", "if method in self.kept:"),
    (INLINE, "early and not found.is_called_by(piece)", "early"),
    (INLINE, "if node.attr in names:", "if node.attr in ():"),
    (INLINE, "if each.asname:", "if False:"),
    (INLINE, "is not piece or name in inliner.imports", "is None"),
    (INLINE, "and piece.module is not self.script:", "and piece.module is None:"),
    (INLINE, '"" if without_torch else', '"" if not without_torch else'),
    (PLAIN, "if self.generator:", "if False:"),
    (PLAIN, "weights = torch.tensor(sizes).double()", "weights = torch.ones(len(sizes)).double()"),
    (PLAIN, 'if hasattr(sys.stdout, "reconfigure"):', "if False:"),
    (PLAIN, "if not all(map(math.isfinite, row.values())):", "if False:"),
    (PLAIN, "argv = [] if cell and argv is None else argv", "pass"),
]
