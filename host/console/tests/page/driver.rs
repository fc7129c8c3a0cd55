//! A browser without a window, driven over WebDriver (W3C) by chromedriver.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// For one command: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    pub(crate) fn start(driver: &Path, browser: &Path) -> Self {
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse().ok()
            })
            .unwrap();
        let mut started = Self {
            driver,
            port,
            session: String::new(),
        };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ];
        let session = started.post(
            "/session",
            &json!({ "capabilities": { "alwaysMatch": {
                "browserName": "chrome",
                "goog:chromeOptions": { "binary": browser, "args": arguments },
                "goog:loggingPrefs": { "browser": "ALL" },
            } } }),
        );
        let session = session["sessionId"].as_str().unwrap();
        started.session = format!("/session/{session}");
        started
    }

    /// The value of an answer; any error of the driver ends the test.
    fn send(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = request(self.port, method, path, body).unwrap();
        let json: Value = serde_json::from_str(&answer).unwrap();
        let value = json["value"].clone();
        assert!(value["error"].is_null(), "{method} {path}: {value}");
        value
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.send("POST", path, &body.to_string())
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        self.post(&format!("{}{path}", self.session), body)
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.command("/goog/cdp/execute", &body)
    }

    pub(crate) fn open(&self, url: &str) {
        self.command("/url", &json!({ "url": url }));
    }

    /// The value of a function's body, run in the page.
    pub(crate) fn run(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        self.command("/execute/sync", &body)
    }

    pub(crate) fn title(&self) -> String {
        self.run("return document.title")
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Waits until a script that tells whether something has happened says so: a click
    /// returns before what it loads is there.
    pub(crate) fn wait(&self, script: &str) {
        let start = Instant::now();
        while self.run(script) != true {
            assert!(start.elapsed() < PATIENCE, "{script}: at {}", self.title());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the page with this title.
    pub(crate) fn arrive(&self, title: &str) {
        let title = json!(format!("{title} · Bailiwick"));
        self.wait(&format!(
            "return document.title === {title} && document.readyState === 'complete'"
        ));
    }

    /// Clicks the first element that the selector finds.
    pub(crate) fn click(&self, selector: &str) {
        let body = json!({ "using": "css selector", "value": selector });
        let found = self.command("/element", &body);
        let id = found.as_object().unwrap().values().next().unwrap();
        let id = id.as_str().unwrap();
        self.command(&format!("/element/{id}/click"), &json!({}));
    }

    /// Writes into a field in place of what is there.
    pub(crate) fn write(&self, selector: &str, text: &str) {
        let body = json!({ "using": "css selector", "value": selector });
        let found = self.command("/element", &body);
        let id = found.as_object().unwrap().values().next().unwrap();
        let id = id.as_str().unwrap();
        self.command(&format!("/element/{id}/clear"), &json!({}));
        self.command(&format!("/element/{id}/value"), &json!({ "text": text }));
    }

    /// Presses a key and lets it go.
    pub(crate) fn press(&self, key: char) {
        let actions = [
            json!({ "type": "keyDown", "value": key }),
            json!({ "type": "keyUp", "value": key }),
        ];
        let keys = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.command("/actions", &json!({ "actions": [keys] }));
    }

    /// Makes the window this large, in CSS pixels.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false }),
        );
    }

    /// Shows the page as on paper or a screen, light or dark.
    pub(crate) fn medium(&self, medium: &str, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let media = json!({ "media": medium, "features": features });
        self.devtools("Emulation.setEmulatedMedia", &media);
    }

    /// Keeps a picture of the whole page, of at most this height.
    pub(crate) fn picture(&self, file: &Path, most: u32) {
        let size = "return [innerWidth, document.documentElement.scrollHeight]";
        let size = self.run(size);
        let height = size[1].as_u64().unwrap().min(most.into());
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": height, "scale": 1 });
        let taken = self.devtools(
            "Page.captureScreenshot",
            &json!({ "format": "png", "captureBeyondViewport": true, "clip": clip }),
        );
        std::fs::write(file, base64(taken["data"].as_str().unwrap())).unwrap();
    }

    /// What the page wrote to the console, and violations of its policy, since the last
    /// call.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.command("/se/log", &json!({ "type": "browser" }));
        let log = log.as_array().unwrap().iter();
        log.map(|entry| entry["message"].to_string()).collect()
    }

    /// The cookies of the page's site.
    pub(crate) fn cookies(&self) -> Value {
        self.send("GET", &format!("{}/cookie", self.session), "")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser, which is a child of the driver.
        if !self.session.is_empty() {
            let _ = request(self.port, "DELETE", &self.session, "");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn request(port: u16, method: &str, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost:{port}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    // The driver keeps the connection whatever it is asked, so the length counts.
    let mut answer = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        answer.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body)?;
    String::from_utf8(body).map_err(std::io::Error::other)
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |byte: &u8| DIGITS.iter().position(|it| it == byte).unwrap() as u32;
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'=').collect();
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3);
    for group in digits.chunks(4) {
        let bits = group.iter().fold(0, |bits, byte| bits << 6 | digit(byte));
        let bits = bits << (6 * (4 - group.len()));
        bytes.extend(&bits.to_be_bytes()[1..group.len()]);
    }
    bytes
}

#[test]
fn pictures_are_decoded() {
    for (text, bytes) in [
        ("TWFu", &b"Man"[..]),
        ("TWE=", b"Ma"),
        ("TQ==", b"M"),
        ("", b""),
    ] {
        assert_eq!(base64(text), bytes);
    }
}
