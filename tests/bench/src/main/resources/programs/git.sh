# A repository of 600 files: added, committed, changed on a branch, merged, cloned.
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b HOME=/tmp
rm -rf /tmp/git && mkdir -p /tmp/git/r && cd /tmp/git/r
for d in $(seq 1 20); do
	mkdir d"$d"
	for f in $(seq 1 30); do echo "$d $f" >d"$d"/f"$f"; done
done
cat >../do.sh <<'S'
git init -q -b main . && git add . && git commit -q -m one
git checkout -q -b side && echo x >>d1/f1 && git commit -qam side && git checkout -q main
echo y >>d2/f2 && git commit -qam main && git merge -q -m merge side
git clone -q --no-local . ../c && cd ../c && git status --short && git log --stat
S
"$1" /dev/null /usr/bin/sh -eu /tmp/git/do.sh
