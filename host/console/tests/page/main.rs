//! Headless Chromium walks through the page of the real program: at the width of a phone
//! and of a desk, light, dark and on paper. Pictures are kept in `target/page`.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod actions;
#[path = "../components/mod.rs"]
mod components;
mod driver;
mod enrolled;
mod handlers;
mod published;
mod scene;
mod sessions;

use std::{collections::BTreeSet, path::PathBuf};

use bailiwick_core::ids::DeviceId;
use serde_json::Value;

use driver::Browser;
use scene::{DESK, HOSTILE, SCRIPT, Scene};

/// The key Tab, as WebDriver names it.
const TAB: char = '\u{e004}';
/// Highest picture, in pixels.
const HIGHEST: u32 = 4_000;

fn browser() -> Option<Browser> {
    let driver = bailiwick_needs::program("chromedriver")?;
    let browser = bailiwick_needs::program("chromium")?;
    Some(Browser::start(&driver, &browser))
}

fn pictures() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/page");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Everything that a page must be, whatever it shows.
fn check(browser: &Browser, at: &str) {
    let title = browser.title();
    assert!(
        title.ends_with(" · Bailiwick") && title.len() > 12,
        "{at}: {title}"
    );
    let wide =
        "const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
        return wide <= 0 ? [] : [...document.querySelectorAll('body *')]
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
            .map(e => e.tagName + '.' + e.className)";
    assert_eq!(
        browser.run(wide),
        Value::Array(Vec::new()),
        "{at}: wider than the window"
    );
    let headings = browser.run("return document.querySelectorAll('h1').length");
    assert_eq!(headings, 1, "{at}: first headings");
    let scripts = browser.run("return document.querySelectorAll('script').length");
    assert_eq!(scripts, 0, "{at}: scripts");
    assert_eq!(
        browser.run(FAINT),
        Value::Array(Vec::new()),
        "{at}: too little contrast"
    );
    assert_eq!(browser.complaints(), [""; 0], "{at}");
}

/// Texts whose contrast is below 4.5:1 (WCAG 2.2, 1.4.3), with the ratio.
const FAINT: &str = "
    const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const colour = text => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = text;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
    };
    const light = c => {
        const part = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
        return .2126 * part(c[0]) + .7152 * part(c[1]) + .0722 * part(c[2]);
    };
    const ground = e => {
        for (; e; e = e.parentElement) {
            const c = colour(getComputedStyle(e).backgroundColor);
            if (c[3] === 255) return c;
        }
        return [255, 255, 255, 255];
    };
    const faint = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const e = walk.currentNode.parentElement;
        if (!walk.currentNode.data.trim() || !e.getClientRects().length) continue;
        const [a, b] = [colour(getComputedStyle(e).color), ground(e)].map(light);
        const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (ratio < 4.5) faint.push(walk.currentNode.data.trim().slice(0, 40) + ' ' + ratio.toFixed(2));
    }
    return faint";

/// Walks with the key Tab: every control is reached once, in the order of the page, and is
/// seen to have the focus.
fn walk_with_tab(browser: &Browser, at: &str) {
    let controls = "return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), textarea, select, summary, [tabindex=\"0\"]')]
        .filter(e => e.checkVisibility() && e.getClientRects().length)
        .map((e, place) => { e.dataset.place = place; return place; })";
    let controls = browser.run(controls);
    let controls: Vec<u64> = controls
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    assert!(controls.len() > 3, "{at}");
    // From the top, wherever the focus was before.
    browser.run(
        "document.body.tabIndex = -1; document.body.focus();
        document.body.removeAttribute('tabindex'); window.scrollTo(0, 0)",
    );
    for place in controls.iter().take(40) {
        browser.press(TAB);
        let focused = browser.run(
            "const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
            return [e.dataset.place, s.outlineStyle, parseFloat(s.outlineWidth),
                b.bottom > 0 && b.top < innerHeight, e.outerHTML.slice(0, 80)]",
        );
        assert_eq!(focused[0], place.to_string(), "{at}: {focused}");
        assert_ne!(focused[1], "none", "{at}: no outline on {focused}");
        assert!(focused[2].as_f64().unwrap() >= 2.0, "{at}: {focused}");
        assert_eq!(focused[3], true, "{at}: out of sight: {focused}");
    }
}

/// Pages to look at, with a name for the picture.
fn pages() -> Vec<(&'static str, String)> {
    let (desk, hostile) = (DeviceId::from_bytes(DESK), DeviceId::from_bytes(HOSTILE));
    let troubled = "a3".repeat(16);
    vec![
        ("devices", "/".to_owned()),
        ("devices-found", "/?q=desk".to_owned()),
        ("devices-none", "/?q=no+such+device".to_owned()),
        ("devices-attention", "/?show=attention".to_owned()),
        ("approvals", "/approvals".to_owned()),
        ("device", format!("/devices/{desk}")),
        ("device-troubled", format!("/devices/{troubled}")),
        (
            "device-revoked",
            format!("/devices/{}", DeviceId::from_bytes([24; 16])),
        ),
        ("inventory", format!("/devices/{desk}/inventory")),
        (
            "inventory-found",
            format!("/devices/{desk}/inventory?q=libssl"),
        ),
        (
            "packages",
            format!("/devices/{desk}/inventory/inventory/package?page=1"),
        ),
        ("changes", format!("/devices/{desk}/changes")),
        (
            "changes-one",
            format!("/devices/{desk}/changes?in=inventory%2Fpackage&q=libssl"),
        ),
        ("sessions", format!("/devices/{desk}/sessions")),
        ("use", format!("/devices/{desk}/use?span=1h")),
        (
            "session",
            format!(
                "/devices/{desk}/sessions/{}",
                sessions::BUSY.replace('#', "%23")
            ),
        ),
        (
            "session-day",
            format!(
                "/devices/{desk}/sessions/{}?span=1d",
                sessions::BUSY.replace('#', "%23")
            ),
        ),
        (
            "session-compared",
            format!(
                "/devices/{desk}/sessions/{}?span=1h&with={}",
                sessions::BUSY.replace('#', "%23"),
                sessions::OTHER.replace('#', "%23")
            ),
        ),
        ("plugins", format!("/devices/{desk}/plugins")),
        ("plugins-troubled", format!("/devices/{troubled}/plugins")),
        ("events", format!("/devices/{desk}/events")),
        ("events-troubled", format!("/devices/{troubled}/events")),
        ("hostile", format!("/devices/{hostile}")),
        ("hostile-inventory", format!("/devices/{hostile}/inventory")),
        ("hostile-changes", format!("/devices/{hostile}/changes")),
        ("hostile-plugins", format!("/devices/{hostile}/plugins")),
    ]
}

fn path_of(name: &str) -> String {
    let pages = pages();
    let (_, path) = pages.iter().find(|(it, _)| *it == name).unwrap();
    path.clone()
}

#[tokio::test]
async fn a_browser_walks_through_the_page() {
    let Some(browser) = browser() else { return };
    let scene = Scene::open();
    browser.resize(1280, 900);
    browser.medium("screen", "light");
    browser.open(&scene.login);
    check(&browser, "login");
    browser.picture(&pictures().join("login-desk-light.png"), HIGHEST);
    browser.click("main button");
    browser.arrive("Devices");
    check(&browser, "no devices");
    browser.picture(&pictures().join("empty-desk-light.png"), HIGHEST);
    let cookies = browser.cookies();
    let cookie = &cookies[0];
    assert_eq!(cookie["name"], "__Host-bailiwick");
    assert_eq!(
        (&cookie["secure"], &cookie["httpOnly"]),
        (&true.into(), &true.into())
    );
    assert_eq!(cookie["sameSite"], "Strict");

    scene.fill().await;
    for (width, size) in [(320, "phone"), (1280, "desk")] {
        browser.resize(width, 900);
        for scheme in ["light", "dark"] {
            browser.medium("screen", scheme);
            for (name, path) in pages() {
                browser.open(&format!("{}{path}", scene.page));
                check(&browser, &format!("{name}, {size}, {scheme}"));
                let file = format!("{name}-{size}-{scheme}.png");
                browser.picture(&pictures().join(file), HIGHEST);
            }
        }
        for name in [
            "devices",
            "approvals",
            "device",
            "changes-one",
            "sessions",
            "session",
        ] {
            let path = path_of(name);
            browser.open(&format!("{}{path}", scene.page));
            walk_with_tab(&browser, &path);
        }
    }
    a_phone_tells_what_is_personal(&browser, &scene);
    browser.resize(1280, 900);
    browser.medium("print", "light");
    for name in ["device", "packages", "session"] {
        browser.open(&format!("{}{}", scene.page, path_of(name)));
        check(&browser, &format!("{name}, on paper"));
        browser.picture(&pictures().join(format!("{name}-paper.png")), HIGHEST);
    }
    browser.medium("screen", "light");
    hostile_text_is_shown(&browser, &scene);
    an_operator_names_a_device(&browser, &scene);
    leaving_ends_the_session(&browser, &scene);
}

/// On a phone a table has no headings, which bear the marks elsewhere.
fn a_phone_tells_what_is_personal(browser: &Browser, scene: &Scene) {
    browser.resize(320, 900);
    let desk = DeviceId::from_bytes(DESK);
    browser.open(&format!("{}/devices/{desk}/inventory", scene.page));
    let marks = browser.run(
        "const mark = (selector, part) => getComputedStyle(document.querySelector(selector), part).content;
        return [mark('#inventory-user tbody th', '::after'), mark('#inventory-link tbody td', '::before')]",
    );
    assert!(marks[0].as_str().unwrap().contains("personal"), "{marks}");
    assert!(
        marks[1].as_str().unwrap().contains("identifying"),
        "{marks}"
    );
}

fn hostile_text_is_shown(browser: &Browser, scene: &Scene) {
    let hostile = DeviceId::from_bytes(HOSTILE);
    browser.open(&format!("{}/devices/{hostile}", scene.page));
    let heading = browser.run("return document.querySelector('h1').textContent");
    assert_eq!(heading, SCRIPT);
    assert_ne!(browser.title(), "taken");
    let bold = browser.run("return document.querySelectorAll('b').length");
    assert_eq!(bold, 0);
}

fn an_operator_names_a_device(browser: &Browser, scene: &Scene) {
    let desk = DeviceId::from_bytes(DESK);
    browser.open(&format!("{}/devices/{desk}", scene.page));
    browser.write("#name", "Front desk");
    browser.click(".naming button");
    browser.arrive("Front desk");
    check(browser, "named");
    // With nothing but the keyboard: from the search to what was found.
    browser.open(&scene.page);
    browser.write("#q", "front");
    browser.press('\u{e007}');
    let found = "return [...document.querySelectorAll('tbody th')].map(e => e.textContent)";
    browser.wait("return location.search === '?q=front' && document.readyState === 'complete'");
    assert_eq!(browser.run(found), serde_json::json!(["Front desk"]));
}

fn leaving_ends_the_session(browser: &Browser, scene: &Scene) {
    browser.click(".person button");
    browser.arrive("Logged out");
    assert_eq!(browser.cookies(), serde_json::json!([]));
    browser.complaints();
    browser.open(&scene.page);
    browser.arrive("Log in");
    browser.picture(&pictures().join("outside-desk-light.png"), HIGHEST);
    // The link of the start was used; another one lets in, with its own role.
    browser.open(&scene.login);
    browser.arrive("Not logged in");
    browser.open(&scene.log_in("viewer"));
    browser.click("main button");
    browser.arrive("Devices");
    let role = browser.run("return document.querySelector('.role').textContent");
    assert_eq!(role, "Logged in as viewer");
    let desk = DeviceId::from_bytes(DESK);
    browser.open(&format!("{}/devices/{desk}", scene.page));
    assert_eq!(
        browser.run("return document.querySelectorAll('.naming').length"),
        0
    );
}

/// Every link of the site leads somewhere, and none leads out of it.
#[tokio::test]
async fn every_link_leads_somewhere() {
    let Some(browser) = browser() else { return };
    let scene = Scene::open();
    scene.fill().await;
    browser.open(&scene.login);
    browser.click("main button");
    browser.arrive("Devices");
    let mut left = vec!["/".to_owned()];
    let mut seen: BTreeSet<String> = left.iter().cloned().collect();
    let mut kinds = BTreeSet::new();
    while let Some(path) = left.pop() {
        browser.open(&format!("{}{path}", scene.page));
        let title = browser.title();
        assert!(!title.starts_with("Nothing is here"), "{path}");
        assert_eq!(browser.complaints(), [""; 0], "{path}");
        let links = browser.run(
            "return [...document.querySelectorAll('a[href]')].map(e => [e.origin, e.pathname + e.search])",
        );
        for link in links.as_array().unwrap() {
            assert_eq!(link[0], scene.page, "{path} leads to {link}");
            let to = link[1].as_str().unwrap().to_owned();
            // One device of each kind is enough, and so is one page of each list.
            let device = to.split('/').nth(2).unwrap_or_default();
            let kind = to
                .replace(device, "")
                .replace(|c: char| c.is_ascii_digit(), "");
            if kinds.insert(kind) && seen.insert(to.clone()) {
                left.push(to);
            }
        }
    }
    assert!(seen.len() >= 10, "{seen:?}");
}
