# Files, links, archives, pipes, jobs and traps of a shell.
exec bash -eu -s <<'END'
mkdir -p /tmp/t/a/b && cd /tmp/t
for i in $(seq 1 200); do echo "line $i" >a/f$i; done
ln -s ../f1 a/b/link && ln a/f2 a/b/hard && mkfifo fifo && chmod 640 a/f3 && touch -d @1000000000 a/f4
find . -type f | sort | md5sum
stat -c '%A %h %s %n' a/f2 a/f3 a/b/link fifo
stat -c %Y a/f4
(echo through a fifo >fifo) & cat fifo; wait; rm fifo
tar cf ../t.tar --sort=name --mtime=@0 . && tar tf ../t.tar | wc -l
mkdir ../u && tar xf ../t.tar -C ../u && diff -r --no-dereference . ../u && echo same
mv a/f5 a/renamed && cp -a a/b ../copied && readlink ../copied/link
sort -t' ' -k2 -n -r a/f* | head -3
trap 'echo got TERM' TERM; kill -TERM $$; echo after
(sleep 100 & echo $! >pid; wait) & sleep 0.2; kill $(cat pid); wait; echo ended
seq 1 100000 | tac | sha256sum
dd if=/dev/zero of=sparse bs=1 count=1 seek=10M 2>/dev/null; stat -c %s sparse; truncate -s 5 sparse; wc -c <sparse
set +e; exec 2>&1
cat /nothing; rmdir a; ln a/f1 a/f2; mkdir a; ls a/f1/x; : >a
echo done
END
