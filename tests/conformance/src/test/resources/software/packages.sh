# debhelper's world without debhelper: two packages with maintainer scripts, a dependency, a configuration file and a trigger, and
# an archive of them that apt reads. Run on the host; $1 is where the archive goes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$1" "$work/data/DEBIAN" "$work/data/usr/share/greeting" "$work/greeting/DEBIAN" "$work/greeting/usr/bin" "$work/greeting/etc"
chmod 755 "$work" "$work"/*
cat >"$work/data/DEBIAN/control" <<'C'
Package: greeting-data
Version: 1.0
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: what is said
C
printf 'interest-noawait /usr/share/greeting\n' >"$work/data/DEBIAN/triggers"
printf '#!/bin/sh\nset -e\necho "data: $*" >>/var/log/greeting\n' >"$work/data/DEBIAN/postinst"
for i in $(seq 1 300); do echo "hello $i" >"$work/data/usr/share/greeting/$i"; done
cat >"$work/greeting/DEBIAN/control" <<'C'
Package: greeting
Version: 2.0
Architecture: all
Depends: greeting-data (>= 1.0), passwd
Maintainer: Nobody <nobody@example.org>
Description: says it
C
echo /etc/greeting.conf >"$work/greeting/DEBIAN/conffiles"
echo 7 >"$work/greeting/etc/greeting.conf"
cat >"$work/greeting/usr/bin/greeting" <<'C'
#!/bin/sh
cat "/usr/share/greeting/$(cat /etc/greeting.conf)"
C
cat >"$work/greeting/DEBIAN/postinst" <<'C'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
	getent passwd greeter >/dev/null || useradd --system --user-group --no-create-home --shell /usr/sbin/nologin greeter
	install -d -o greeter -g greeter -m 2750 /var/lib/greeting
fi
echo "greeting: $*" >>/var/log/greeting
C
cat >"$work/greeting/DEBIAN/postrm" <<'C'
#!/bin/sh
set -e
if [ "$1" = purge ]; then
	userdel greeter
	rm -rf /var/lib/greeting
fi
C
chmod 755 "$work"/*/DEBIAN/post* "$work/greeting/usr/bin/greeting"
for package in data greeting; do dpkg-deb --root-owner-group -b "$work/$package" "$1/$package.deb" >/dev/null; done
cd "$1"
for deb in *.deb; do
	dpkg-deb -f "$deb"
	printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
done >Packages
