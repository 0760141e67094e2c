# A repository with branches, a merge, a packed clone and a check of every object.
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000'
cd /tmp && git init -q -b main r && cd r
for i in $(seq 1 60); do mkdir -p d$((i % 7)) && seq 1 $i >d$((i % 7))/f$i; done
git add . && git commit -q -m one
git checkout -q -b side && seq 5 50 >d1/f1 && git commit -qam side && git checkout -q main
echo x >>d2/f2 && git commit -qam main && git merge -q -m merge side
git gc -q && git clone -q --no-local /tmp/r /tmp/c && cd /tmp/c
git log --format='%H %s' && git fsck --strict && git status --short | wc -l
git diff --stat HEAD~1 && git grep -c 17 | sort | md5sum
git mv d1 moved && git stash -q && git stash pop -q && git status --short | wc -l
echo done
