//! The mount table: proc_pid_mountinfo(5).

use std::collections::BTreeMap;

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// `major:minor`.
    pub(super) number: String,
    pub(super) mount_point: String,
    pub(super) kind: String,
    pub(super) device: String,
    pub(super) read_only: bool,
}

/// Types that hold data without a block device of their own: network shares, pools, and
/// what a virtual machine's host lends.
const WITHOUT_DEVICE: [&str; 19] = [
    "9p",
    "afs",
    "bcachefs",
    "btrfs",
    "ceph",
    "cifs",
    "fuse.ceph",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "gfs2",
    "lustre",
    "nfs",
    "nfs4",
    "smb3",
    "ubifs",
    "virtiofs",
    "zfs",
];

/// The mounts that hold data on a device or a share, one per mount point. Of several on
/// one point the last hides the others.
pub(super) fn parse(table: &str) -> Vec<Mount> {
    let visible: BTreeMap<_, _> = table
        .lines()
        .filter_map(parse_line)
        .map(|mount| (mount.mount_point.clone(), mount))
        .collect();
    visible.into_values().filter(holds_data).collect()
}

fn holds_data(mount: &Mount) -> bool {
    let in_memory = ["devtmpfs", "ramfs", "rootfs", "tmpfs"].contains(&mount.kind.as_str());
    let on_device = mount.device.starts_with("/dev/");
    // A container's or a live system's root is an overlay; other overlays are containers.
    let is_root = mount.mount_point == "/";
    !in_memory && (on_device || is_root || WITHOUT_DEVICE.contains(&mount.kind.as_str()))
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn parse_line(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ');
    let number = left.nth(2)?.to_owned();
    let mount_point = unescape(left.nth(1)?);
    let options = left.next()?;
    let mut right = right.split(' ');
    let kind = unescape(right.next()?);
    let device = unescape(right.next()?);
    let super_options = right.next()?;
    let read_only = [options, super_options]
        .iter()
        .any(|options| options.split(',').any(|option| option == "ro"));
    Some(Mount {
        number,
        mount_point,
        kind,
        device,
        read_only,
    })
}

/// Space, tab, line break, backslash and `#` are written as three octal digits.
fn unescape(field: &str) -> String {
    let mut parts = field.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok())
            .filter(u8::is_ascii);
        match code {
            Some(code) => {
                text.push(char::from(code));
                text.push_str(&part[3..]);
            }
            None => {
                text.push('\\');
                text.push_str(part);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
23 22 0:21 / /proc rw - proc proc rw
24 22 0:22 / /run rw - tmpfs tmpfs rw
25 22 8:17 / /media/my\\040disk rw - vfat /dev/sdb1 rw
26 22 0:50 / /srv ro,relatime - nfs4 host:/export rw
27 22 0:60 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
28 22 0:61 / /mnt rw - autofs systemd-1 rw
29 22 8:33 / /srv rw - ext4 /dev/sdc1 ro
";

    #[test]
    fn mounts_that_hold_data_are_kept_and_the_last_on_a_point_wins() {
        let seen: Vec<_> = parse(TABLE)
            .into_iter()
            .map(|mount| (mount.mount_point, mount.device, mount.read_only))
            .collect();
        let expected = [
            ("/", "/dev/sda1", false),
            ("/media/my disk", "/dev/sdb1", false),
            ("/srv", "/dev/sdc1", true),
        ]
        .map(|(point, device, read_only)| (point.to_owned(), device.to_owned(), read_only));
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_share_hidden_by_memory_is_not_told() {
        let table = "1 0 0:1 / /a rw - nfs h:/x rw\n2 0 0:2 / /a rw - tmpfs tmpfs rw\n";
        assert_eq!(parse(table), []);
    }

    #[test]
    fn broken_lines_and_escapes_do_no_harm() {
        assert_eq!(parse("\n - \n1 2 3\n1 2 3 4 - 5\n"), []);
        for (field, text) in [
            ("a\\134b", "a\\b"),
            ("a\\9", "a\\9"),
            ("\\", "\\"),
            ("\\é1", "\\é1"),
        ] {
            assert_eq!(unescape(field), text);
        }
    }
}
