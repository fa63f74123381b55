#!/usr/bin/env bash
# Every script of the project, and the README's other commands, short, on other versions of Python
# and of the packages. By hand: it downloads gigabytes, and is no part of the tests.
#
#     bash tests/oldest.sh python3.10            on the oldest versions that requirements.txt admits
#     bash tests/oldest.sh python3.13 newest     on the newest
#     bash tests/oldest.sh FOLDER/bin/python as_it_is     on what is installed there
#
# On torch 2.1 three tests fail by what that torch does not have yet: compiling a dropout, one_hot
# without data, and one case of the emulated device.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:?which Python}
which=${2:-oldest}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

if [ "$which" != as_it_is ]; then
    "$python" -m venv "$scratch/venv"
    python=$scratch/venv/bin/python
    cp requirements.txt "$scratch/requirements.txt"
    if [ "$which" = oldest ]; then
        sed -E 's/>=([0-9.]+)/==\1.0/; s/^-e .*//' requirements.txt > "$scratch/requirements.txt"
    fi
    "$python" -m pip install --quiet -r "$scratch/requirements.txt"
fi
"$python" -c 'import sys, torch, torchvision, numpy, matplotlib, sklearn
print("Python", sys.version.split()[0], *(f"{m.__name__} {m.__version__}" for m in
      (torch, torchvision, numpy, matplotlib, sklearn)))'

failed=0
try() {
    local began=$SECONDS
    if "$@" > "$scratch/output" 2>&1; then
        echo "ok      $((SECONDS - began)) s  ${*:2}"
    else
        failed=1
        echo "FAILED  ${*:2}"
        tail -n 20 "$scratch/output"
    fi
    if grep -n 'Warning' "$scratch/output"; then echo "        (warnings of ${*:2})"; fi
}

for script in $(grep -l 'run_parts(' hw5/*.py hw6/*.py hw7/*.py final/*.py lectures/*.py); do
    options=()
    help=$("$python" "$script" --help)
    if grep -q -- '--data' <<< "$help"; then options+=(--data sample); fi
    if grep -q -- '--epochs' <<< "$help"; then options+=(--epochs 1); fi
    if grep -q -- '--batch-size' <<< "$help"; then options+=(--batch-size 100); fi
    try "$python" "$script" "${options[@]}" --out "$scratch/out/$script"
done
short=(--data sample --epochs 1)
try "$python" hw6/cnn.py "${short[@]}" --batch-size 100 --resume --out "$scratch/out/hw6/cnn.py"
try "$python" -m torch.distributed.run --nproc-per-node=2 hw7/kmeans.py --part b "${short[@]}" \
    --out "$scratch/out/torchrun"
for homework in hw5 hw6 hw7; do
    try "$python" -m gradescope.build "$homework" --zip --out "$scratch/submission"
done
try "$python" -m pytest -q
exit $failed
