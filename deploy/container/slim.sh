#!/bin/sh
# In the final image: no pip (nor its bundled copies), no perl scripts' leftovers to run, a compiled standard library.
set -eu
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
# unchecked: nobody can change a source on a read-only root, so none is looked at again.
[ "$(find "$stdlib/__pycache__" -name '*.pyc' 2>/dev/null | wc -l)" -gt 100 ] || python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '/(test|tests|lib2to3|site-packages|dist-packages)/' \
  "$stdlib"
# Nothing here is to be run with another user's rights (su, mount, passwd): where an engine does not forbid it anyway.
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
rm -rf /root/.cache
