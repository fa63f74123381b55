"""Mutations of what makes single files, for tests/mutations.py."""

SUBMISSION, INLINE = "common/submission.py", "common/inline.py"

MUTATIONS = [
    (SUBMISSION, "    begin = first.end_lineno", "    begin = first.lineno - 1"),
    (SUBMISSION, "            begin -= 1", "            break"),
    (SUBMISSION, "blank if args.starter else None", "blank"),
    (SUBMISSION, "    if not isinstance(node, ast.FunctionDef)", "    if not node"),
    (SUBMISSION, "sorted(bodies, reverse=True)", "sorted(bodies)"),
    (SUBMISSION, "        return 2\n", "        return 1\n"),
    (SUBMISSION, "zipfile.ZipInfo(name)", "zipfile.ZipInfo('q.py')"),
    (SUBMISSION, "        if run.returncode:", "        if run.returncode > 1:"),
    (SUBMISSION, "I,F811,F821", "I,F821"),
    (INLINE, "if method.node.name in mentioned]", "]"),
    (INLINE, "if piece in self.kept]\n            if kept", "]\n            if kept"),
    (INLINE, 'HERE = "Path(__file__).resolve().parent"', 'HERE = "Path(__file__).resolve()"'),
    (INLINE, 'found[0] in ("__doc__", "__name__")', "True"),
    (INLINE, "isinstance(node, ast.ClassDef) and not node.bases", "isinstance(node, ast.ClassDef)"),
    (INLINE, "if isinstance(quoted, ast.Constant) and", "if False and"),
    (INLINE, "need = inside if is_module else source", "need = source"),
    (INLINE, "first or self.needs.get(need, False)", "True"),
    (INLINE, "main = is_if(node, \"__name__ == '__main__'\") and not is_script", "main = False"),
    (INLINE, "each.is_assigned() or each.is_imported()", "each.is_assigned()"),
    (INLINE, "isinstance(piece.node, ast.Assign) and not names", "False"),
    (INLINE, "self.imports.get(line, True) and typing", "typing"),
    (INLINE, "if not original and name in local", "if False"),
    (INLINE, "self.home.setdefault(name, home) != home", "False"),
    (INLINE, 'dict.fromkeys(dir(builtins), "Python itself")', "{}"),
    (INLINE, "(spelled(node, n)) is False", "(spelled(node, n)) is None"),
    (INLINE, "(?=({names})\\b)", "(?=)"),
    (INLINE, "(?<![\\w.]){alias}", "{alias}"),
    (INLINE, "                self.read(need, (*above, name))", "                pass"),
]
