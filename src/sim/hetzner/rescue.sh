# The rescue system of one simulated server: run as root of a user, mount and process namespace of its own, with $folder (made for it), $disk (a file),
# $address and $sshd. A real sshd, as a user who is called root: the namespaces have one user, and sshd would want a second one to be careful with.
set -e
root=$folder/root
mount --make-rprivate /
mount -t tmpfs -o mode=755 rescue "$root"
cd "$root"
mkdir -p dev proc tmp run root rescue
for part in /bin /sbin /lib /lib32 /lib64 /libx32 /usr /etc; do
  if [ -L "$part" ]; then cp -P "$part" ."$part"
  elif [ -d "$part" ]; then mkdir -p ."$part"; mount --rbind "$part" ."$part"; mount -o remount,bind,ro ."$part" 2>/dev/null || :; fi
done
for node in null zero full random urandom; do : >dev/$node; mount --bind /dev/$node dev/$node; done
ln -s /proc/self/fd dev/fd
: >dev/sda; mount --bind "$disk" dev/sda
mount -t proc proc proc 2>/dev/null || mount --rbind /proc proc
echo 'root:x:1000:1000:root:/root:/bin/bash' >run/passwd; mount --bind run/passwd etc/passwd
echo 'root:x:1000:' >run/group; mount --bind run/group etc/group
cp "$sshd" rescue/sshd
mkdir -m 700 root/.ssh; cp "$folder/keys" root/.ssh/authorized_keys
# A file cannot be discarded as a disk can; emptied and made as long again it is the same to whoever reads it.
cat >rescue/blkdiscard <<'X'
#!/bin/sh
for disk; do :; done
size=$(stat -c %s "$disk") && truncate -s 0 "$disk" && truncate -s "$size" "$disk"
X
chmod 755 rescue/blkdiscard
ssh-keygen -q -t ed25519 -N '' -C rescue -f run/host_key
cat >run/sshd_config <<X
ListenAddress $address
HostKey /run/host_key
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
SetEnv PATH=/rescue:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
X
# A disk has an end: what would be written beyond it is refused.
trap "" XFSZ
ulimit -f "$blocks"
pivot_root . .
umount -l .
exec unshare --user --map-user=1000 --map-group=1000 /rescue/sshd -D -e -f /run/sshd_config
