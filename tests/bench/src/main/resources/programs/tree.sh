# What a package manager does: thousands of small files are written, copied, linked, looked at and removed.
rm -rf /tmp/tree && mkdir /tmp/tree && cd /tmp/tree
cat >do.py <<'P'
import os, shutil
for p in range(60):
    os.makedirs("a/package%d/lib" % p)
    for f in range(25):
        with open("a/package%d/lib/%d.js" % (p, f), "w") as out:
            out.write("module.exports = %d;\n" * 20 % tuple(range(20)))
shutil.copytree("a", "b")
os.mkdir("bin")
for p in range(60):
    os.symlink("../a/package%d/lib/0.js" % p, "bin/%d" % p)
total = 0
for directory, _, files in os.walk("b"):
    for f in files:
        path = os.path.join(directory, f)
        total += os.stat(path).st_size
        with open(path) as text:
            total += len(text.read())
shutil.rmtree("a")
shutil.rmtree("b")
P
"$1" /dev/null /usr/bin/python3 -I -S do.py
