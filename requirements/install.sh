#!/bin/sh
# Makes the virtual environment in $1 from requirements.lock. Called by make; PYTHON and TORCH choose (see Makefile).
set -eu
venv=$1
fits='import sys, venv, ensurepip; raise SystemExit(not (3, 11) <= sys.version_info[:2] < (3, 14))'

python=""
for name in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
    if command -v "$name" >/dev/null 2>&1 && "$name" -c "$fits" >/dev/null 2>&1; then python=$name; break; fi
done
if [ -z "$python" ]; then
    echo "No fitting Python found (tried: ${PYTHON:-python3.13 python3.12 python3.11 python3 python})." >&2
    echo "The lab needs Python 3.11, 3.12 or 3.13 with its venv module. Install one, for example" >&2
    echo "  Debian, Ubuntu: sudo apt install python3 python3-venv        macOS: brew install python@3.13" >&2
    echo "or name one: PYTHON=/path/to/python3.12 make lab" >&2
    exit 2
fi

if [ -x "$venv/bin/python" ] && ! "$venv/bin/python" -c "$fits" >/dev/null 2>&1; then
    echo "The virtual environment in $venv is broken or of another Python; making it anew."
    rm -rf "$venv"
fi
if [ ! -x "$venv/bin/python" ]; then
    echo "Making a virtual environment in $venv with $("$python" --version)..."
    "$python" -m venv "$venv"
fi

if [ ! -x "$venv/bin/uv" ]; then
    echo "Installing uv, which installs the rest..."
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv>=0.8"
fi

# uv does not read pip's setting for folders of local wheels (pip parts them by spaces, uv by commas).
if [ -n "${PIP_FIND_LINKS:-}" ] && [ -z "${UV_FIND_LINKS:-}" ]; then
    UV_FIND_LINKS=$(echo "$PIP_FIND_LINKS" | tr -s ' ' ',')
    export UV_FIND_LINKS
fi
if [ -z "${TORCH:-}" ] && [ "$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null 2>&1; then
    echo "No NVIDIA GPU here. If the download is too large, stop this and say: TORCH=cpu make lab"
fi
echo "Installing the versions in requirements.lock. The first time downloads up to 4 GB; it needs minutes, not attention..."
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" \
    --override requirements/overrides.txt -r requirements.lock ${TORCH:+--torch-backend "$TORCH"}
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --editable .
echo "Installed."
