"""Makes the embedded sample: the first 100 training and 20 test images of each digit of MNIST.

    python tests/data/make_sample.py

writes the four .gz files beside itself, in MNIST's own order, and prints the MD5s of their
contents, which `common/data.py` lists.
"""

import gzip

from common.runtime.fetch import DATA, SAMPLE, find_or_download, md5
from common.runtime.sources import format_idx, parse_idx

import numpy as np

PER_DIGIT = {"train": 100, "t10k": 20}


def main() -> None:
    files = find_or_download(DATA)
    for part, count in PER_DIGIT.items():
        labels = parse_idx(files[f"{part}-labels-idx1-ubyte"])
        chosen = np.sort(np.concatenate([np.flatnonzero(labels == i)[:count] for i in range(10)]))
        for name in (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"):
            content = format_idx(parse_idx(files[name])[chosen])
            (SAMPLE / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
            print(f'    "{name}": "{md5(content)}",')


if __name__ == "__main__":
    main()
