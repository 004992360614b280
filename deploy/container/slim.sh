#!/bin/sh
# slim.sh LIST: in the final image no pip (nor its bundled copies), and bytecode of the modules that LIST names.
set -eu
list=$1
stdlib=$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
# pip itself, wherever this base image has it.
python -c 'import importlib.util as u
for name in ("pip", "setuptools", "wheel", "pkg_resources", "_distutils_hack"):
    spec = u.find_spec(name)
    for place in spec.submodule_search_locations or [] if spec else []:
        print(place)' | while read -r place; do
  rm -rf "$place" "$place"-*.dist-info
done
rm -rf "$stdlib/ensurepip" "$stdlib/idlelib" "$stdlib/turtledemo" "$stdlib/tkinter" /usr/share/python-wheels
for folder in /usr/local/bin /usr/bin; do
  rm -f "$folder"/pip "$folder"/pip3 "$folder"/pip3.* "$folder"/wheel "$folder"/idle*
done
# Where the base image has no bytecode (the official one has none). unchecked: nobody can change a source on a read-only
# root, so none is looked at again.
if [ "$(find "$stdlib/__pycache__" -name '*.pyc' 2>/dev/null | wc -l)" -lt 100 ]; then
  python -m compileall -q -j 0 --invalidation-mode unchecked-hash -i "$list"
fi
# Nothing here is to be run with another user's rights, where an engine does not forbid it anyway: su, mount, passwd and their
# like go. Gone they take no place either; with other permissions they would be copied into this layer.
find / -xdev -type f -perm /6000 -delete
rm -rf /root/.cache
