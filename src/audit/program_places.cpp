#include "audit/program_places.h"

#include <algorithm>

#include "base/text.h"

namespace meshops::audit {

namespace {

bool listed(std::string_view list, std::string_view name) {
  auto all = words(list);
  return std::ranges::find(all, name) != all.end();
}

constexpr std::string_view kShellWords =
    ". : [ [[ { } ! (( alias bg bind break builtin caller case cd command compgen complete continue "
    "declare dirs disown do done echo elif else enable esac eval exec exit export false fc fg fi for "
    "function getopts hash help history if in jobs kill let local logout mapfile popd printf pushd pwd "
    "read readarray readonly return select set shift shopt source suspend test then time times trap true "
    "type typeset ulimit umask unalias unset until wait while";

/// Of Debian packages: they put these into sbin alone.
constexpr std::string_view kSbin =
    "a2disconf a2dismod a2dissite a2enconf a2enmod a2ensite acpid addgroup adduser agetty anacron apache2 "
    "apache2ctl apachectl apt-cacher-ng arp arptables atd auditctl augenrules aureport ausearch badblocks "
    "biosdecode blkdiscard blkid blkzone blockdev brctl bridge chat chkrootkit chpasswd chronyd chroot "
    "cgdisk clamd conntrack cron cryptsetup ctrlaltdel ddclient debootstrap debugfs delgroup deluser "
    "depmod dhclient dmidecode dmsetup dnsmasq dovecot dpkg-preconfigure dpkg-reconfigure dumpe2fs e2fsck "
    "e2image e2label e2scrub e2scrub_all e4defrag ebtables edquota ethtool exim4 exportfs fdisk filefrag "
    "fsadm fsck fsck.ext4 fsfreeze fstrim gdisk getcap getty groupadd groupdel groupmod grpck "
    "grub-install grub-mkconfig grub-reboot grub-set-default halt haproxy hdparm hwclock iconvconfig "
    "ifconfig ifdown ifquery ifup init insmod installkernel invoke-rc.d iotop iftop ip6tables "
    "ip6tables-restore ip6tables-save ipset iptables iptables-restore iptables-save ipvsadm isosize iw "
    "iwconfig kpartx ldconfig locale-gen logrotate logsave logwatch losetup lvcreate lvdisplay lvextend "
    "lvm lvremove lvresize lvs lynis mdadm mkfs mkfs.ext4 mkfs.xfs mkhomedir_helper mkinitramfs mkswap "
    "modinfo modprobe mii-tool multipath mysqld named needrestart netplan newusers nfsstat nft nginx "
    "nologin ntpd ntpdate nvme opendkim parted partprobe php-fpm pivot_root postalias postconf postfix "
    "postmap postqueue postsuper poweroff pppd pvcreate pvs pwck quotacheck quotaon rarpd reboot repquota "
    "resize2fs resolvconf rfkill rmmod rndc route rpcbind rsyslogd rtcwake runlevel runuser sendmail "
    "service setcap setquota sfdisk sgdisk shadowconfig showmount shutdown slapd smartctl smartd snmpd "
    "squid sshd start-stop-daemon sulogin swaplabel swapoff swapon switch_root sysctl tc telinit "
    "tmpreaper tune2fs tzconfig ufw unbound update-ca-certificates update-grub update-grub2 "
    "update-initramfs update-locale update-rc.d useradd userdel usermod vgchange vgcreate vgs vigr vipw "
    "visudo vsftpd wipefs wpa_supplicant xfs_growfs xfs_repair xtables-monitor zerofree zfs zpool zramctl";

/// Of npm, and of installers that unpack there.
constexpr std::string_view kLocalBin =
    "openclaw clawdbot moltbot clawhub mcporter pm2 forever nodemon tsx ts-node pnpm ollama k3s k3d "
    "minikube wrangler vercel codex gemini traefik nerdctl";
constexpr std::string_view kHomeLocalBin = "uv uvx claude";

constexpr std::string_view kUsrBin =
    "apt apt-get apt-cache awk base64 basename bash bc borg bunzip2 bzip2 cat chgrp chmod chown cksum cmp "
    "comm cp crontab curl cut date dd df diff dig dirname docker dpkg du env expr fail2ban-client find "
    "flock free fuser git gpg grep gunzip gzip head hostname hostnamectl id install ip jq journalctl "
    "killall last less ln logger loginctl ls lsblk lsof md5sum mkdir mktemp mount mv mysql mysqldump nc "
    "nice nohup nproc openssl pg_dump pgrep php ping pkill ps psql python3 rclone readlink realpath "
    "redis-cli restic rm rmdir rsync run-parts scp sed seq sh sha256sum sleep sort sqlite3 ss ssh stat su "
    "sudo systemctl systemd-run tail tar tee timeout timedatectl top touch tr truncate umount uname uniq "
    "unzip uptime wc wget which who xargs xz zcat zip zstd";

}  // namespace

bool is_shell_word(std::string_view name) { return listed(kShellWords, name); }

std::optional<std::string_view> lives_in(std::string_view name) {
  if (listed(kSbin, name)) return "/usr/sbin";
  if (name.starts_with("php-fpm") || name.starts_with("mkfs.") || name.starts_with("fsck."))
    return "/usr/sbin";
  if (listed(kLocalBin, name)) return "/usr/local/bin";
  if (listed(kHomeLocalBin, name)) return "~/.local/bin";
  if (name == "rustup") return "~/.cargo/bin";
  if (name == "bun" || name == "bunx") return "~/.bun/bin";
  if (name == "deno") return "~/.deno/bin";
  if (name == "nvm") return "~/.nvm";
  if (name == "brew") return "/home/linuxbrew/.linuxbrew/bin";
  if (name == "conda" || name == "mamba") return "~/miniconda3/bin";
  if (name == "microk8s" || name == "multipass" || name == "lxc") return "/snap/bin";
  return std::nullopt;
}

bool in_usr_bin(std::string_view name) { return listed(kUsrBin, name); }

const std::vector<std::string>& program_places() {
  static const std::vector<std::string> places = {"/usr/local/bin",
                                                  "/usr/bin",
                                                  "/usr/sbin",
                                                  "/usr/local/sbin",
                                                  "/bin",
                                                  "/sbin",
                                                  "/snap/bin",
                                                  "~/.local/bin",
                                                  "~/.npm-global/bin",
                                                  "~/bin",
                                                  "~/.cargo/bin",
                                                  "~/.bun/bin",
                                                  "~/.deno/bin",
                                                  "~/.volta/bin",
                                                  "~/go/bin",
                                                  "/usr/local/go/bin",
                                                  "~/.openclaw/bin",
                                                  "~/.nvm/current/bin",
                                                  "~/node_modules/.bin",
                                                  "/opt/meshops/bin",
                                                  "/home/linuxbrew/.linuxbrew/bin"};
  return places;
}

}  // namespace meshops::audit
