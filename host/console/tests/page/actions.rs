//! An operator drafts an action in the browser, signs it with the commands that the page
//! shows, and sees what became of it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::Command,
};

use bailiwick_core::action::Outcome;
use serde_json::json;

use super::{
    HIGHEST, check,
    driver::Browser,
    handlers::succeed,
    pictures,
    scene::{CONSOLE, DESK, HOSTILE, Scene},
    walk_with_tab,
};

/// Both widths, light and dark.
fn looks(browser: &Browser, name: &str) {
    for (width, size) in [(320, "phone"), (1280, "desk")] {
        browser.resize(width, 900);
        for scheme in ["light", "dark"] {
            browser.medium("screen", scheme);
            check(browser, &format!("{name}, {size}, {scheme}"));
            let file = format!("{name}-{size}-{scheme}.png");
            browser.picture(&pictures().join(file), HIGHEST);
        }
        walk_with_tab(browser, &format!("{name}, {size}"));
    }
    browser.medium("screen", "light");
}

#[tokio::test]
async fn an_operator_drafts_an_action_signs_it_and_sees_what_became_of_it() {
    let Some(browser) = super::browser() else {
        return;
    };
    let scene = Scene::open();
    scene.operator();
    browser.resize(1280, 900);
    browser.open(&scene.login);
    browser.click("main button");
    browser.arrive("Devices");
    browser.open(&format!("{}/actions", scene.page));
    looks(&browser, "actions-none");
    scene.fill().await;

    choosing(&browser, &scene);
    filling_in(&browser);
    let action = drafted(&browser);
    by_the_commands_of_the_page(&browser, &scene, &action);
    browser.open(&format!("{}/actions/{action}", scene.page));
    assert_eq!(
        states(&browser),
        ["Waits for the device", "Waits for the device"]
    );
    scene.progress(&action, DESK, 40, "read 2 of 5 files").await;
    browser
        .wait("location.reload(); return document.querySelector('.told progress')?.value === 40");
    looks(&browser, "action-at-work");
    let result = json!({
        "exit-status": 0, "timed-out": false, "output": "Filesystem  Size  Used\n/dev/vda1    40G   11G\n",
        "output-cut": false, "errors": "", "errors-cut": false, "elapsed-ms": 212, "cpu-ms": 9,
    });
    let result = result.to_string();
    scene.ended(&action, DESK, Outcome::Done { result }).await;
    browser.open(&format!("{}/actions/{action}", scene.page));
    assert_eq!(states(&browser), ["Done", "Done"]);
    looks(&browser, "action-done");

    other_ends(&browser, &scene).await;
    a_sleeper_is_woken_through_its_neighbours(&browser, &scene);
    an_attack_is_shown_as_text(&browser, &scene);
}

/// The states that the page shows.
fn states(browser: &Browser) -> Vec<String> {
    let states =
        browser.run("return [...document.querySelectorAll('main .state')].map(e => e.textContent)");
    let states = states.as_array().unwrap().iter();
    states
        .map(|state| state.as_str().unwrap().to_owned())
        .collect()
}

/// From the list to the form, on the way that links and buttons lead.
fn choosing(browser: &Browser, scene: &Scene) {
    browser.open(&format!("{}/actions", scene.page));
    browser.click("main a.step");
    browser
        .wait("return location.pathname === '/actions/new' && document.readyState === 'complete'");
    looks(browser, "draft-plugin");
    browser.click(".ways a[href*='wake-on-lan']");
    browser.wait(
        "return location.search.includes('wake-on-lan') && document.readyState === 'complete'",
    );
    browser.click(".tick input");
    browser.click("main button.primary");
    browser.wait("return !!document.querySelector('.ways') && document.readyState === 'complete'");
    looks(browser, "draft-way");
    browser.click(".ways a");
    browser.wait(
        "return !!document.querySelector('#argument-0') && document.readyState === 'complete'",
    );
    looks(browser, "draft-wake");

    browser.open(&format!("{}/actions/new?handler=run-program", scene.page));
    looks(browser, "draft-devices");
    let desk = scene.id(DESK);
    browser.click(&format!(".tick input[value='{desk}']"));
    browser.click("main button.primary");
    browser.wait(
        "return !!document.querySelector('#argument-0') && document.readyState === 'complete'",
    );
    looks(browser, "draft-form");
    let plain = format!(
        "{}/actions/new?handler=other-tool&device={desk}",
        scene.page
    );
    let form = browser.run("return location.href");
    browser.open(&plain);
    looks(browser, "draft-plain");
    browser.open(form.as_str().unwrap());
}

/// What is wrong is said beside its field, and what was written stays.
fn filling_in(browser: &Browser) {
    browser.write("#argument-0", "/usr/bin/df");
    browser.write("#argument-1", "-h\n/");
    browser.write("#argument-4", "soon");
    browser.write("#expires", "for ever");
    browser.click("main button.primary");
    browser.arrive("To be corrected: Draft an action");
    // The browser itself notes that the answer is no success.
    let complaints = browser.complaints();
    assert!(
        complaints.iter().all(|it| it.contains("400 (Bad Request)")),
        "{complaints:?}"
    );
    looks(browser, "draft-wrong");
    let kept = browser.run(
        "return ['#argument-0', '#argument-1', '#argument-4', '#expires'].map(s => document.querySelector(s).value)",
    );
    assert_eq!(kept, json!(["/usr/bin/df", "-h\n/", "soon", "for ever"]));
    let faults = browser.run(
        "return [...document.querySelectorAll('[aria-invalid=true]')].map(e =>
            [e.id, document.getElementById(e.getAttribute('aria-describedby').split(' ')[0]).textContent])",
    );
    assert_eq!(faults[0][0], "argument-4");
    assert_eq!(
        faults[0][1],
        "This does not fit: a whole number from 0 to 600000."
    );
    assert_eq!(faults[1][0], "expires");
    // From the list of what is wrong to the field, with the keyboard.
    browser.run("document.querySelector('.notice.bad a').focus()");
    browser.press('\u{e007}');
    browser.wait("return location.hash === '#argument-4'");
    browser.write("#argument-4", "5000");
    browser.write("#expires", "2 h");
}

/// Sends the form; gives the draft's id.
fn drafted(browser: &Browser) -> String {
    browser.click("main button.primary");
    browser.arrive("Action of run-program");
    assert_eq!(states(browser), ["Awaits a signature"]);
    let place = browser.run("return location.pathname");
    let action = place
        .as_str()
        .unwrap()
        .strip_prefix("/actions/")
        .unwrap()
        .to_owned();
    looks(browser, "action-draft");
    let shown = browser.run("return document.querySelector('main').textContent");
    let shown = shown.as_str().unwrap();
    assert!(
        shown.contains("/usr/bin/df") && shown.contains("desk-17"),
        "{shown}"
    );
    action
}

/// Does what the page says, word for word, with the files named as they are here.
fn by_the_commands_of_the_page(browser: &Browser, scene: &Scene, action: &str) {
    let cookie = browser.cookies()[0]["value"].as_str().unwrap().to_owned();
    let draft = fetch(
        &scene.page,
        &format!("/actions/{action}/draft.json"),
        &cookie,
    );
    let place = scene.path("operator");
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join(format!("action-{action}.json")), draft).unwrap();
    std::fs::copy(scene.path("tls/ca.pem"), place.join("ca.pem")).unwrap();
    std::fs::copy(scene.path("keys/alice.json"), place.join("KEY.json")).unwrap();
    let commands =
        browser.run("return [...document.querySelectorAll('.how pre')].map(e => e.textContent)");
    let commands = commands.as_array().unwrap();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for command in commands {
        run_in(&place, command.as_str().unwrap());
    }
}

fn run_in(place: &Path, command: &str) {
    let (program, arguments) = command.trim().split_once(' ').unwrap();
    assert_eq!(program, "bailiwick-console");
    succeed(
        Command::new(CONSOLE)
            .args(arguments.split(' '))
            .current_dir(place),
    );
}

/// The body of an answer of the page.
fn fetch(page: &str, path: &str, cookie: &str) -> String {
    let host = page.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {host}\r\ncookie: __Host-bailiwick={cookie}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    body.to_owned()
}

/// Failed, called off and refused; and all of them in the list.
async fn other_ends(browser: &Browser, scene: &Scene) {
    let asked = json!({ "program": "/usr/bin/du", "arguments": ["-s", "/home"] });
    let many = scene.sent(&asked, &[DESK, [1; 16], [2; 16], [3; 16]]);
    let reason = "it ended with status 2: du: cannot read directory '/home/ada': Permission denied";
    scene
        .ended(
            &many,
            DESK,
            Outcome::Failed {
                reason: reason.to_owned(),
            },
        )
        .await;
    scene.ended(&many, [1; 16], Outcome::Cancelled).await;
    let reason = "right: the operator may not give orders to run-program: the key of policies adds it with `repo operator add`";
    scene
        .ended(
            &many,
            [2; 16],
            Outcome::Refused {
                reason: reason.to_owned(),
            },
        )
        .await;
    let cut = scene.sent(&asked, &[[1; 16]]);
    scene.ended(&cut, [1; 16], Outcome::Interrupted).await;
    let late = scene.sent(&asked, &[[2; 16]]);
    scene.ended(&late, [2; 16], Outcome::TimedOut).await;
    let called_off = scene.sent(&asked, &[[3; 16]]);
    scene.ended(&called_off, [3; 16], Outcome::Cancelled).await;
    browser.open(&format!("{}/actions/{many}", scene.page));
    let states = states(browser);
    for state in ["Failed", "Called off", "Refused", "Waits for the device"] {
        assert!(states.iter().any(|it| it == state), "{state}: {states:?}");
    }
    looks(browser, "action-many");
    browser.open(&format!("{}/actions/{called_off}", scene.page));
    looks(browser, "action-called-off");
    browser.open(&format!("{}/actions", scene.page));
    looks(browser, "actions");
    browser.open(&format!(
        "{}/actions?device={}",
        scene.page,
        scene.id([1; 16])
    ));
    let listed = browser.run("return document.querySelectorAll('.actions > li').length");
    assert_eq!(listed, 2, "those of one device");
}

/// From the page of the one that sleeps to a form with everything in it.
fn a_sleeper_is_woken_through_its_neighbours(browser: &Browser, scene: &Scene) {
    let sleeper = scene.id([27; 16]);
    browser.open(&format!("{}/actions/wake?device={sleeper}", scene.page));
    looks(browser, "wake");
    assert_eq!(states(browser)[..2], ["Picked", "Picked"]);
    browser.click(".send a.step");
    browser.wait(
        "return !!document.querySelector('#argument-0') && document.readyState === 'complete'",
    );
    let filled = browser
        .run("return ['#argument-0', '#argument-1'].map(s => document.querySelector(s).value)");
    assert_eq!(filled, json!(["02:5e:10:4a:93:c1", "192.0.2.17"]));
    browser.click("main button.primary");
    browser.arrive("Action of wake-on-lan");
    let shown = browser.run("return document.querySelector('dl dd').textContent");
    assert_eq!(shown, "kiosk-00, kiosk-01");
}

fn an_attack_is_shown_as_text(browser: &Browser, scene: &Scene) {
    let hostile = scene.id(HOSTILE);
    browser.open(&format!(
        "{}/actions/new?handler=run-program&device={hostile}",
        scene.page
    ));
    looks(browser, "draft-hostile");
    let bold = "return [document.querySelectorAll('main b').length, document.querySelectorAll('select').length]";
    assert_eq!(
        browser.run(bold),
        json!([3, 1]),
        "the examples of a span alone"
    );
    browser.open(&format!(
        "{}/actions/new?handler=run-program&device={hostile}&device={}",
        scene.page,
        scene.id(DESK)
    ));
    let shown = browser.run("return document.querySelector('main').textContent");
    assert!(
        shown
            .as_str()
            .unwrap()
            .contains("tell of different arguments"),
        "{shown}"
    );
}
