//! From what this machine lives: `sysfs-class-power` of the kernel's ABI documentation.

use std::path::Path;

use bailiwick_core::budget::Supply;

/// Where Linux shows mains and batteries, a folder each.
pub const POWER_SUPPLIES: &str = "/sys/class/power_supply";

/// As the folders in `folder` tell: a battery, where one is being emptied and nothing else is
/// online. Batteries of mice and the like, whose scope is `Device`, are not this machine's.
/// What can't be read is not there.
pub fn supply(folder: &Path) -> Supply {
    let Ok(supplies) = std::fs::read_dir(folder) else {
        return Supply::Mains;
    };
    let mut found = Supply::Mains;
    for path in supplies.flatten().map(|supply| supply.path()) {
        let says = |name: &str, value: &str| {
            std::fs::read_to_string(path.join(name)).is_ok_and(|text| text.trim() == value)
        };
        if says("scope", "Device") {
            continue;
        }
        if says("online", "1") {
            return Supply::Mains;
        }
        if says("type", "Battery") && says("status", "Discharging") {
            found = Supply::Battery;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_battery_that_is_emptied_while_no_mains_is_online() {
        let folder = tempfile::tempdir().unwrap();
        let set = |name: &str, files: &[(&str, &str)]| {
            let supply = folder.path().join(name);
            fs::create_dir_all(&supply).unwrap();
            for (file, text) in files {
                fs::write(supply.join(file), format!("{text}\n")).unwrap();
            }
        };
        let now = || supply(folder.path());
        assert_eq!(supply(&folder.path().join("none")), Supply::Mains);
        assert_eq!(now(), Supply::Mains, "a machine without batteries");
        let mouse = [
            ("type", "Battery"),
            ("scope", "Device"),
            ("status", "Discharging"),
        ];
        set("hidpp_battery_0", &mouse);
        assert_eq!(now(), Supply::Mains, "a mouse's");
        set("AC", &[("type", "Mains"), ("online", "0")]);
        set("BAT0", &[("type", "Battery"), ("status", "Discharging")]);
        assert_eq!(now(), Supply::Battery);
        set("AC", &[("online", "1")]);
        assert_eq!(now(), Supply::Mains);
        set("AC", &[("online", "0")]);
        set("BAT0", &[("status", "Charging")]);
        assert_eq!(now(), Supply::Mains);
    }
}
