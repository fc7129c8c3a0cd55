//! What a process belongs to, as the path of its program tells.

use bailiwick_sdk::processes::Process;

/// What the kernel appends to the path of a program that an update has replaced.
const REPLACED: &str = " (deleted)";

/// Folders of packages that bring all they need along: what stands behind one is the package's
/// name. Snap (snapcraft.io, "Environment variables": SNAP), Flatpak (its `/app` is within its own
/// mounts, so the path names the package only from outside), AppX and MSIX, bundles of macOS, and
/// what installs itself beneath /opt (FHS 3.0, 3.13).
const FOLDERS: [&str; 6] = [
    "/snap/",
    "/flatpak/app/",
    "\\WindowsApps\\",
    "/Applications/",
    "/nix/store/",
    "/opt/",
];

/// Processes of one program are one application: the file's name says which. What has no
/// program, or one that can't be seen, goes by its own name.
pub(crate) fn application<'a>(process: &Process<'a>) -> &'a str {
    let path = path(process.executable);
    let file = path.rsplit(['/', '\\']).next().unwrap_or_default();
    if file.is_empty() { process.name } else { file }
}

/// The package that a program came in, where its path names one. What the distribution installs
/// lies in folders that all share.
pub(crate) fn package(executable: &str) -> Option<&str> {
    let path = path(executable);
    FOLDERS.iter().find_map(|folder| {
        let (_, inside) = path.split_once(folder)?;
        // A program that lies in the folder itself is in no package.
        let (package, _) = inside.split_once(['/', '\\'])?;
        (!package.is_empty()).then_some(package)
    })
}

fn path(executable: &str) -> &str {
    executable.strip_suffix(REPLACED).unwrap_or(executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_one_program_are_one_application() {
        for (executable, expected) in [
            ("/usr/lib/firefox/firefox", "firefox"),
            ("/usr/bin/bash (deleted)", "bash"),
            ("C:\\Program Files\\App\\app.exe", "app.exe"),
            ("", "name"),
        ] {
            let process = Process {
                name: "name",
                executable,
                ..Process::default()
            };
            assert_eq!(application(&process), expected);
        }
    }

    #[test]
    fn a_package_is_told_where_the_path_names_one() {
        for (executable, expected) in [
            (
                "/snap/firefox/5091/usr/lib/firefox/firefox",
                Some("firefox"),
            ),
            (
                "/var/lib/flatpak/app/org.gimp.GIMP/x86_64/stable/active/files/bin/gimp",
                Some("org.gimp.GIMP"),
            ),
            (
                "C:\\Program Files\\WindowsApps\\Contoso.App_1.2.3.0_x64__8wekyb3d8bbwe\\App.exe",
                Some("Contoso.App_1.2.3.0_x64__8wekyb3d8bbwe"),
            ),
            (
                "/Applications/Safari.app/Contents/MacOS/Safari",
                Some("Safari.app"),
            ),
            ("/opt/zoom/zoom (deleted)", Some("zoom")),
            ("/opt/zoom", None),
            ("/opt//zoom", None),
            ("/usr/bin/bash", None),
            ("", None),
        ] {
            assert_eq!(package(executable), expected, "{executable}");
        }
    }
}
