# debian-rootfs.sh TAR: a small Debian as a tar file, from the packages of this machine's own release. No maintainer script is run:
# packages are unpacked, /etc/passwd and /etc/group are base-passwd's with one user more.
set -eu
tar=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/debs" "$work/root"
cd "$work/debs"
apt-get -q download base-files base-passwd bash coreutils dash debianutils findutils grep gzip hostname libacl1 libattr1 libaudit1 \
	libblkid1 libbz2-1.0 libc-bin libc6 libcap-ng0 libcap2 libcrypt1 libgcc-s1 libgcrypt20 libgmp10 libgpg-error0 liblz4-1 liblzma5 \
	libmount1 libncursesw6 libpam-modules libpam-modules-bin libpam-runtime libpam0g libpcre2-8-0 libproc2-0 libreadline8 libselinux1 \
	libsmartcols1 libstdc++6 libsystemd0 libtinfo6 libudev1 libuuid1 libzstd1 login mount passwd perl-base procps sed tar util-linux \
	util-linux-extra zlib1g >log 2>&1 || {
	tail -n 3 log >&2
	exit 1
}
cd "$work/root"
mkdir -p usr/bin usr/sbin usr/lib usr/lib64 etc
for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$dir"; done
for deb in ../debs/*.deb; do
	dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink --exclude=./usr/share/doc --exclude=./usr/share/man \
		--exclude=./usr/share/locale --exclude='./usr/lib/*/gconv'
done
{ cat usr/share/base-passwd/passwd.master && echo 'worker:x:1000:1000:A worker:/home/worker:/bin/bash'; } >etc/passwd
{ sed 's/^audio:.*/&worker/' usr/share/base-passwd/group.master && printf 'worker:x:1000:\nextra:x:2001:worker,games\n'; } >etc/group
echo 'image' >etc/hostname
mkdir -p home/worker
chown 1000:1000 home/worker
tar --numeric-owner --sort=name --mtime=@0 -cf "$tar.new" .
mv "$tar.new" "$tar"
