"""Mutations of what makes single files, for tests/mutations.py."""

SUBMISSION, INLINE = "common/submission.py", "common/inline.py"
SCOPES = "common/scopes.py"

MUTATIONS = [
    (SUBMISSION, "        begin = first.end_lineno", "        begin = first.lineno - 1"),
    (SUBMISSION, "            begin -= 1", "            break"),
    (SUBMISSION, "names if args.starter else None", "names"),
    (SUBMISSION, "if not found or not isinstance(found[0], ast.FunctionDef)", "if not found"),
    (SUBMISSION, "key=lambda item: -item[1][0]", "key=lambda item: item[1][0]"),
    (SUBMISSION, "        return 2\n", "        return 1\n"),
    (SUBMISSION, "zipfile.ZipInfo(name)  # dated 1980", "zipfile.ZipInfo('q.py')"),
    (INLINE, "if name in attributes]", "]"),
    (INLINE, 'HERE = "Path(__file__).resolve().parent"', 'HERE = "Path(__file__).resolve()"'),
    (INLINE, "        if name in taken or name in hidden", "        if name in hidden"),
    (INLINE, "or name in hidden.get((piece, name), ())", "or False"),
    (INLINE, "| {use.name for _, use, meaning in self.uses if meaning is None}", ""),
    (INLINE, "*self.followers()]", "]"),
    (INLINE, "return sorted(edits, reverse=True)", "return sorted(edits)"),
    (INLINE, "not top.typing and top.text == each.text", "top.text == each.text"),
    (INLINE, 'not guard.startswith("__name__ ==")', "True"),
    (SCOPES, "for cls, names in self.scopes if not cls)", "for cls, names in self.scopes)"),
    (SCOPES, "        self.visit(first.iter)\n        rest = [", "        rest = [first.iter, "),
    (SCOPES, "parameters(node.args) | bound(node.body)", "bound(node.body)"),
    (SCOPES, "        self.annotation(node.returns)\n", ""),
    (SCOPES, "todo += [each.target for each in inside]", "pass"),
    (SCOPES, "column + len(name.encode())", "column + len(name) + 1"),
]
